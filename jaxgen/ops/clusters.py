"""k-means: Lloyd's iterations (https://doi.org/10.1109/TIT.1982.1056489) from centres drawn by k-means++.

k-means++: Arthur & Vassilvitskii 2007, https://dl.acm.org/doi/10.5555/1283383.1283494.

N    points
D    values of a point
K    clusters
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Clustering(NamedTuple):
    """Points in clusters."""

    centres: jax.Array  # [K, D]
    label: jax.Array  # [N] int32, the nearest centre of each point
    inertia: jax.Array  # [] sum of squared distances of points to their centres


def squared_distances_to(centres: jax.Array, x: jax.Array) -> jax.Array:
    """|x_n - c_k|^2 of x [N, D] and centres [K, D]: [N, K], at least 0.

    It is a product of matrices: exact to the precision of the squares, so that large common offsets are to be
    subtracted before.
    """
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(centres**2, axis=1)[None]
    return jnp.maximum(squares - 2.0 * jnp.matmul(x, centres.T, precision="highest"), 0.0)


def spread_out(key: jax.Array, x: jax.Array, count: int) -> jax.Array:
    """K of the points x [N, D] as centres [K, D], by k-means++.

    The first is any; each further one is drawn with a probability proportional to its squared distance to the nearest
    of those before. Where fewer than K points differ, some are drawn twice.
    """
    first_key, rest_key = jax.random.split(key)
    distance = lambda centre: jnp.square(x - centre[None]).sum(1)
    first = x[jax.random.randint(first_key, (), 0, len(x))]

    def draw(nearest, key):
        centre = x[jax.random.categorical(key, jnp.log(nearest))]
        return jnp.minimum(nearest, distance(centre)), centre

    _, rest = jax.lax.scan(draw, distance(first), jax.random.split(rest_key, count - 1)) if count > 1 else (0, x[:0])
    return jnp.concatenate([first[None], rest])


def means(x: jax.Array, label: jax.Array, distance: jax.Array, count: int) -> jax.Array:
    """Means [K, D] of the points x [N, D] of each cluster.

    The centre of a cluster without points moves to the point that is farthest from its own centre, that of a second one
    to the second farthest: `distance` [N] is from the centres that labels are of.
    """
    member = jax.nn.one_hot(label, count, dtype=x.dtype)
    size = member.sum(0)
    sums = jnp.matmul(member.T, x, precision="highest")
    far = x[jax.lax.top_k(distance, count)[1]]  # [K, D]
    empty = size == 0
    moved = far[jnp.maximum(jnp.cumsum(empty, dtype=jnp.int32) - 1, 0)]
    return jnp.where(empty[:, None], moved, sums / jnp.maximum(size, 1.0)[:, None])


def lloyd(x: jax.Array, centres: jax.Array, most: int = 300) -> Clustering:
    """Means and nearest centres in turn, until no point changes its cluster, at most `most` times.

    x [N, D] and the first centres [K, D]. Inertia never rises but where a cluster became empty, see `means`.
    """

    def assigned(centres):
        distance = squared_distances_to(centres, x)
        return jnp.argmin(distance, axis=1).astype(jnp.int32), distance.min(1)

    def iterate(loop):
        count, centres, (label, distance), _ = loop
        centres = means(x, label, distance, len(centres))
        after = assigned(centres)
        return count + 1, centres, after, (after[0] != label).any()

    goes_on = lambda loop: loop[3] & (loop[0] < most)
    start = (jnp.zeros((), jnp.int32), centres, assigned(centres), jnp.ones((), bool))
    _, centres, (label, _), _ = jax.lax.while_loop(goes_on, iterate, start)
    return Clustering(centres, label, jnp.square(x - centres[label]).sum())


def k_means(key: jax.Array, x: jax.Array, count: int, restarts: int = 10, most: int = 300) -> Clustering:
    """The clustering of least inertia of x [N, D] float32, of `restarts` starts that run side by side.

    Raises:
        ValueError: there are fewer points than clusters, or no clusters.
    """
    if not 1 <= count <= len(x):
        raise ValueError(f"{len(x)} points can be put in 1 to {len(x)} clusters, not {count}")
    offset = x.mean(0)
    x = x - offset[None]
    once = lambda key: lloyd(x, spread_out(key, x, count), most)
    tries = jax.vmap(once)(jax.random.split(key, restarts))
    best = jax.tree.map(lambda each: each[jnp.argmin(tries.inertia)], tries)
    return best._replace(centres=best.centres + offset[None])
