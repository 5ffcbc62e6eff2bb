"""How many modes of a mixture samples cover: of Gaussians in the plane, and of classes that a judge recognises.

Metz et al. 2017, "Unrolled generative adversarial networks", https://arxiv.org/abs/1611.02163, has the ring and the
classes; Srivastava et al. 2017, "VEEGAN", https://arxiv.org/abs/1705.07761, the grid and the share of good samples.

N    samples
M    modes
D    dimensions of a sample
"""

import jax
import jax.numpy as jnp


def ring_centres(modes: int = 8, radius: float = 2.0) -> jax.Array:
    """Centres [M, 2] at the angles 2 pi n / M on a circle, n = 0..M-1; the samples of Metz et al. have sigma 0.02."""
    angle = 2.0 * jnp.pi * jnp.arange(modes, dtype=jnp.float32) / modes  # both ends of a linspace are one place
    return radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def grid_centres(side: int = 5, spacing: float = 2.0) -> jax.Array:
    """Centres [side^2, 2] of a square grid around 0, row by row."""
    along = spacing * (jnp.arange(side, dtype=jnp.float32) - 0.5 * (side - 1))
    x, y = jnp.meshgrid(along, along)
    return jnp.stack([x.ravel(), y.ravel()], axis=-1)


def mode_coverage(
    samples: jax.Array, centres: jax.Array, sigma: float, share: float = 0.05, within: float = 4.0
) -> dict[str, jax.Array]:
    """What samples [N, D] make of a mixture of equal Gaussians N(centre, sigma^2 I) with centres [M, D].

    A sample is good if the nearest centre is at most `within` sigma away; one that is NaN is not. In D dimensions the
    shares of good samples of the mixture itself differ: at 4 sigma 0.99966 for D = 2.

    Args:
        samples: [N, D].
        centres: [M, D].
        sigma: standard deviation of each Gaussian, in each dimension.
        share: of all samples N that must be good ones of a mode for it to count as covered; expected is 1 / M.
        within: in sigmas.

    Returns:
        `modes`, how many are covered [] int32; `good`, the share of good samples [].

    Raises:
        ValueError: the shapes do not fit, or there are no samples.
    """
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1] or not len(samples):
        raise ValueError(f"expected samples [N >= 1, D] and centres [M, D], found {samples.shape} and {centres.shape}")
    distance = jnp.linalg.norm(samples[:, None] - centres[None], axis=-1)  # [N, M]
    good = jnp.min(distance, axis=1) <= within * sigma
    nearest = jnp.argmin(distance, axis=1)
    counts = jnp.zeros(len(centres), jnp.int32).at[nearest].add(good.astype(jnp.int32))
    return {"modes": jnp.sum(counts >= share * len(samples)), "good": jnp.mean(good)}


def class_coverage(counts: jax.Array) -> dict[str, jax.Array]:
    """What samples make of M equally frequent classes, of the number [M] that a classifier took for each.

    Returns:
        `modes`, the classes that occur at all [] int32; `kl`, KL(q || uniform) in nats [], q the shares of classes,
        from 0 to log M, NaN without samples.
    """
    q = counts / jnp.sum(counts)
    return {"modes": jnp.sum(counts > 0), "kl": jnp.log(len(counts)) + jnp.sum(jax.scipy.special.xlogy(q, q))}
