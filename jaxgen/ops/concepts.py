"""Attributes of images: the direction in which codes have one, and a linear probe that says whether an image has it.

N    examples
Z    dimensions of a code
D    values of an example
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


def concept_vector(codes: jax.Array, has: jax.Array) -> jax.Array:
    """The mean code of those that have the attribute minus that of those that have not: [N, Z] and [N] bool to [Z].

    Larsen et al. 2016, https://arxiv.org/abs/1512.09300, section 4.2; White 2016, https://arxiv.org/abs/1609.04468.

    Raises:
        ValueError: all have it, or none has.
    """
    if not 0 < int(has.sum()) < len(has):
        raise ValueError("an attribute needs examples that have it, and examples that have not")
    shares = jnp.stack([has / has.sum(), ~has / (~has).sum()]).astype(codes.dtype)
    with_it, without = jnp.matmul(shares, codes, precision="highest")
    return with_it - without


class Probe(NamedTuple):
    """A linear function of an example, above 0 where it says that the example has the attribute."""

    weights: jax.Array  # [D]
    bias: jax.Array  # []


def scores(probe: Probe, x: jax.Array) -> jax.Array:
    """[N, D] to [N]."""
    return jnp.matmul(x, probe.weights, precision="highest") + probe.bias


def ridge_probe(x: jax.Array, has: jax.Array, penalty: float) -> Probe:
    """Least squares from examples [N, D] to +1 where they have the attribute [N] bool, -1 where not, in closed form.

    Minimises the mean of (score - target)^2 plus penalty |weights|^2 / D, both classes with a weight of a half; the
    bias is free. Solved by N equations, for N smaller than D.

    Raises:
        ValueError: all have it, or none has; or the penalty is not above 0.
    """
    count, size = x.shape
    if not 0 < int(has.sum()) < count or penalty <= 0:
        raise ValueError(f"a probe needs examples with and without, and a penalty above 0, found {penalty}")
    weight = jnp.where(has, 0.5 / has.sum(), 0.5 / (~has).sum()).astype(x.dtype)
    target = jnp.where(has, 1.0, -1.0).astype(x.dtype)
    mean, root = weight @ x, jnp.sqrt(weight)
    rows = root[:, None] * (x - mean[None])
    # The weighted mean of the targets is 0, so that the bias is what makes that of the scores 0 as well.
    gram = jnp.matmul(rows, rows.T, precision="highest") + penalty / size * jnp.eye(count, dtype=x.dtype)
    weights = jnp.matmul(jnp.linalg.solve(gram, root * target), rows, precision="highest")
    return Probe(weights, -jnp.matmul(mean, weights, precision="highest"))
