"""What a decoder can say of pixels: the choices of p(x | z), each a record of pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.distributions import bernoulli_log_likelihood, normal_log_likelihood


class Likelihood(NamedTuple):
    """p(x | z), where `out` [..., D] is what the decoder says."""

    target: Callable  # key, grey values [..., D] -> x
    log_prob: Callable  # out, log_sigma, x -> [...]
    mean: Callable  # out -> pixel means [..., D] in [0, 1]
    definition: str


def _bernoulli(target, definition):
    return Likelihood(target, lambda out, _, x: bernoulli_log_likelihood(out, x), jax.nn.sigmoid, definition)


LIKELIHOODS = {
    "bernoulli": _bernoulli(lambda key, x: x, "cross-entropy of grey values in [0, 1]"),
    "binarized": _bernoulli(
        lambda key, x: jax.random.bernoulli(key, x).astype(jnp.float32),
        "Bernoulli, pixels binarised anew with their grey value as probability",
    ),
    "gaussian": Likelihood(
        lambda key, x: x,
        normal_log_likelihood,
        lambda out: jnp.clip(out, 0.0, 1.0),
        "normal density of grey values in [0, 1], one learnt standard deviation",
    ),
}
