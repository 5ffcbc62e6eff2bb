"""Optimisers by the formula, each a factory of the learning rate.

eta is the learning rate, g the gradient, theta the parameters.
"""

from collections.abc import Callable

import optax

from jaxgen.optim.rate import scale_by_rate

Factory = Callable[[float], optax.GradientTransformation]


def sgd(rate):
    """theta <- theta - eta g (Robbins & Monro 1951)."""
    return scale_by_rate(rate)


def momentum(rate, beta=0.9):
    """m <- beta m - eta g; theta <- theta + m (Polyak 1964): eta is inside the buffer, unlike optax.sgd's."""
    return optax.chain(scale_by_rate(rate), optax.trace(beta))


def rmsprop(rate, beta=0.9, eps=1e-8):
    """s <- beta s + (1 - beta) g^2; theta <- theta - eta g / (sqrt(s) + eps) (Hinton 2012, lecture 6e)."""
    return optax.chain(optax.scale_by_rms(decay=beta, eps=eps, eps_in_sqrt=False), scale_by_rate(rate))


def adam(rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015, algorithm 1.

    m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2;
    theta <- theta - eta (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps).
    """
    return optax.chain(optax.scale_by_adam(beta1, beta2, eps), scale_by_rate(rate))


OPTIMIZERS: dict[str, Factory] = {"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}
