"""Optimisers by the formula, each a factory of the learning rate.

eta is the learning rate, g the gradient, theta the parameters. `schedule` multiplies eta, see `scale_by_rate`.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import optax

from jaxgen.core.types import Refused
from jaxgen.optim.rate import constant, scale_by_rate
from jaxgen.optim.schedules import SCHEDULES, cooled

Factory = Callable[[float], optax.GradientTransformation]


def sgd(rate, schedule=constant):
    """theta <- theta - eta g (Robbins & Monro 1951)."""
    return scale_by_rate(rate, schedule)


def momentum(rate, beta=0.9, schedule=constant):
    """m <- beta m - eta g; theta <- theta + m (Polyak 1964): eta is inside the buffer, unlike optax.sgd's."""
    return optax.chain(scale_by_rate(rate, schedule), optax.trace(beta))


def rmsprop(rate, beta=0.9, eps=1e-8, schedule=constant):
    """s <- beta s + (1 - beta) g^2; theta <- theta - eta g / (sqrt(s) + eps) (Hinton 2012, lecture 6e)."""
    return optax.chain(optax.scale_by_rms(decay=beta, eps=eps, eps_in_sqrt=False), scale_by_rate(rate, schedule))


def adam(rate, beta1=0.9, beta2=0.999, eps=1e-8, schedule=constant):
    """Kingma & Ba 2015, algorithm 1.

    m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2;
    theta <- theta - eta (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps).
    """
    return optax.chain(optax.scale_by_adam(beta1, beta2, eps), scale_by_rate(rate, schedule))


OPTIMIZERS: dict[str, Factory] = {"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}


def chosen(
    name: str,
    epsilon: float | None = None,
    schedule: str = "constant",
    epoch: int = 1,
    cooldown: float = 0.0,
    total: int = 1,
) -> Factory:
    """The factory of an optimiser by name.

    Args:
        name: one of OPTIMIZERS.
        epsilon: what the optimiser adds to the root it divides by; its own where None.
        schedule: one of SCHEDULES.
        epoch: updates in one, which schedules are told.
        cooldown: share of the `total` updates over which the rate falls to 0 at the end.

    Raises:
        Refused: an `epsilon` for an optimiser that divides by no root.
    """
    options: dict[str, Any] = {"schedule": cooled(SCHEDULES[schedule](epoch), cooldown, total)}
    if epsilon is not None:
        if "eps" not in inspect.signature(OPTIMIZERS[name]).parameters:
            raise Refused(f"--epsilon is for optimisers that divide by a root; {name} does not")
        options["eps"] = epsilon
    return functools.partial(OPTIMIZERS[name], **options)
