"""The optimisers of this package paired with equal ones of optax, by name, for tests and studies that compare them.

Where optax's function has other defaults, the pair has the arguments that make it equal; AdamW decays all arrays.
Momentum and Nesterov's method are composed of optax's parts, since optax.sgd has the rate outside the buffer, which
differs as soon as the rate changes; Nesterov's is optax's `trace` at the look-ahead point, which the parameters are
here. AdaGrad is compared with the epsilon inside the root, as optax has no other.
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import optax

from jaxgen.optim.adaptive import adadelta, adamw, amsgrad, lion, nadam
from jaxgen.optim.rate import Schedule
from jaxgen.optim.textbook import adagrad, adam, momentum, nesterov, rmsprop, sgd


class Pair(NamedTuple):
    """Two optimisers with equal updates. `foreign.rated(pair.theirs)` has the same arguments as `ours`."""

    ours: Callable[..., optax.GradientTransformation]  # (rate, *, schedule=constant)
    theirs: Callable[..., optax.GradientTransformation]  # of a rate, or of an optax schedule, see `absolute`


def absolute(rate: float, schedule: Schedule) -> Schedule:
    """The optax schedule (updates made -> learning rate) of a rate and a schedule of this package."""
    return lambda count: rate * jnp.asarray(schedule(count), float)


def _heavy_ball(rate, nesterov=False):
    return optax.chain(optax.scale_by_learning_rate(rate), optax.trace(0.9, nesterov=nesterov))


PAIRS: Mapping[str, Pair] = {
    "sgd": Pair(sgd, optax.sgd),
    "momentum": Pair(momentum, _heavy_ball),
    "nesterov": Pair(nesterov, functools.partial(_heavy_ball, nesterov=True)),
    "adagrad": Pair(
        functools.partial(adagrad, eps=1e-7, eps_inside_root=True),
        functools.partial(optax.adagrad, initial_accumulator_value=0.0),
    ),
    "rmsprop": Pair(rmsprop, functools.partial(optax.rmsprop, eps_in_sqrt=False)),
    "adadelta": Pair(adadelta, functools.partial(optax.adadelta, rho=0.95)),
    "adam": Pair(adam, optax.adam),
    "adamw": Pair(functools.partial(adamw, decay_all=True), functools.partial(optax.adamw, weight_decay=0.004)),
    "amsgrad": Pair(amsgrad, functools.partial(optax.amsgrad, bias_correction_mu=False, bias_correction_nu=False)),
    "nadam": Pair(nadam, optax.nadam),
    "lion": Pair(lion, functools.partial(optax.lion, weight_decay=0.0)),
}
