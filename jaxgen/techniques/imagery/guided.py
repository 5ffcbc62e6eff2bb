"""What a guide image makes of an objective: features are raised that are like those of the guide.

Mordvintsev et al. 2015, https://github.com/google/deepdream: each position's features are multiplied with those of the
position of the guide that they are most like, by the inner product.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from jaxgen.nets.pretrained.terms import Term


def guided(activations: Mapping[str, jax.Array], guide: Mapping[str, jax.Array], terms: Sequence[Term]) -> jax.Array:
    """The weighted sum [] over layers of the mean over positions of the largest inner product with the guide.

    Args:
        activations: name -> [B, h, w, F].
        guide: name -> [n, F], of the guide's positions.
        terms: layers and weights.
    """
    total = jnp.zeros((), jnp.float32)
    for term in terms:
        features = activations[term.layer].reshape(-1, activations[term.layer].shape[-1])
        products = jnp.einsum("pf,nf->pn", features, guide[term.layer])
        total += term.weight * products.max(1).mean() / features.shape[1]
    return total
