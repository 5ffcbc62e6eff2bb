"""How many modes of a mixture samples cover: of Gaussians in the plane, and of classes that a judge recognises.

Metz et al. 2017, "Unrolled generative adversarial networks", https://arxiv.org/abs/1611.02163, has the ring and the
classes; Srivastava et al. 2017, "VEEGAN", https://arxiv.org/abs/1705.07761, the grid and the share of good samples.

N    samples
M    modes
D    dimensions of a sample
"""

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array | np.ndarray


def ring_centres(modes: int = 8, radius: float = 2.0) -> np.ndarray:
    """Centres [M, 2] at the angles 2 pi n / M on a circle, n = 0..M-1; the samples of Metz et al. have sigma 0.02.

    float64 of numpy, as those of a grid: the same on every device.
    """
    angle = 2.0 * np.pi * np.arange(modes) / modes  # both ends of a linspace are one place
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def grid_centres(side: int = 5, spacing: float = 2.0) -> np.ndarray:
    """Centres [side^2, 2] of a square grid around 0, row by row."""
    along = spacing * (np.arange(side) - 0.5 * (side - 1))
    x, y = np.meshgrid(along, along)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def mode_counts(
    samples: jax.Array, centres: Array, sigma: float, within: float = 4.0, mask: jax.Array | None = None
) -> jax.Array:
    """How many of samples [N, D] are good ones of each mode of a mixture of Gaussians N(centre, sigma^2 I): [M] int32.

    A sample is good if the nearest of the centres [M, D] is at most `within` sigma away; one that is NaN is not, nor
    one where mask [N] is false. In D dimensions the shares of good samples of the mixture itself differ: at 4 sigma
    0.99966 for D = 2.

    Raises:
        ValueError: the shapes do not fit, or there are no samples.
    """
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1] or not len(samples):
        raise ValueError(f"expected samples [N >= 1, D] and centres [M, D], found {samples.shape} and {centres.shape}")
    distance = jnp.linalg.norm(samples[:, None] - jnp.asarray(centres, samples.dtype)[None], axis=-1)  # [N, M]
    good = jnp.min(distance, axis=1) <= within * sigma
    good = good if mask is None else good & mask
    return jnp.zeros(len(centres), jnp.int32).at[jnp.argmin(distance, axis=1)].add(good.astype(jnp.int32))


def coverage_of(counts: jax.Array, total: jax.Array | int, share: float = 0.05) -> dict[str, jax.Array]:
    """What the `mode_counts` [M] of `total` samples come to.

    Returns:
        `modes`, how many have at least this share of all samples as good ones of theirs, [] int32: expected is a share
        of 1 / M; `good`, the share of good samples [].
    """
    return {"modes": jnp.sum(counts >= share * total), "good": jnp.sum(counts) / total}


def mode_coverage(
    samples: jax.Array, centres: Array, sigma: float, share: float = 0.05, within: float = 4.0
) -> dict[str, jax.Array]:
    """`coverage_of` the `mode_counts` of samples [N, D]; arguments and errors as there."""
    return coverage_of(mode_counts(samples, centres, sigma, within), len(samples), share)


def class_coverage(counts: jax.Array) -> dict[str, jax.Array]:
    """What samples make of M equally frequent classes, of the number [M] that a classifier took for each.

    Returns:
        `modes`, the classes that occur at all [] int32; `kl`, KL(q || uniform) in nats [], q the shares of classes,
        from 0 to log M, NaN without samples.
    """
    q = counts / jnp.sum(counts)
    return {"modes": jnp.sum(counts > 0), "kl": jnp.log(len(counts)) + jnp.sum(jax.scipy.special.xlogy(q, q))}
