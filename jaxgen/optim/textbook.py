"""The optimisers of every textbook, by their formulas, each a factory that takes the learning rate.

eta is the learning rate times its schedule's factor, g the gradient, theta the parameters, all elementwise; the slots
of the formulas (m, s) start at 0, real where they add up |g|^2, written g^2. `accumulator_dtype` and `mu_dtype` are the
dtype of m, the parameters' or float32 by default. Each docstring ends with three steps by hand, which a test runs.
"""

import jax
import jax.numpy as jnp

from jaxgen.core.types import Params
from jaxgen.optim.rate import RateState, by_formula, constant, corrections, moment, root, squared, squares


def sgd(rate=0.01, *, schedule=constant):
    """Gradient descent (Robbins & Monro 1951, https://doi.org/10.1214/aoms/1177729586).

    theta <- theta - eta g. optax.sgd(rate) is equal.

    theta from 1, eta 0.1, g = 1, 2, -1: steps -0.1, -0.2, 0.1.

    >>> iterates(sgd(0.1), 1.0, [1, 2, -1])
    [0.9, 0.7, 0.8]
    """

    def formula(eta, t, g, theta):
        return (-eta * g,)

    return by_formula(formula, (), rate, schedule)


def momentum(rate=0.01, *, momentum=0.9, early_updates=0, accumulator_dtype=None, schedule=constant):
    """The heavy ball (Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5).

    m <- beta m - eta g; theta <- theta + m, beta being `momentum`. eta is inside the buffer, as in Sutskever et al.
    2013 and Keras: the velocity is not scaled down when the rate falls. optax.sgd(rate, beta), like PyTorch, multiplies
    the buffer by eta instead, which is equal at a constant rate only;
    optax.chain(optax.scale_by_learning_rate(rate), optax.trace(beta)) is equal at every schedule. In the first
    `early_updates` beta is 1/2: Hinton 2012, section 9 (https://doi.org/10.1007/978-3-642-35289-8_32).

    theta from 1, eta 0.1, beta 1/2, g = 1, 1, -1: m is -0.1, then -0.05 - 0.1 = -0.15, then -0.075 + 0.1 = 0.025.

    >>> iterates(momentum(0.1, momentum=0.5), 1.0, [1, 1, -1])
    [0.9, 0.75, 0.775]
    """

    def formula(eta, t, g, theta, m):
        beta = jnp.where(t <= early_updates, 0.5, momentum) if early_updates else momentum
        m = -eta * g + beta * m
        return m, m

    return by_formula(formula, (moment(accumulator_dtype),), rate, schedule)


def nesterov(rate=0.01, *, momentum=0.9, accumulator_dtype=None, schedule=constant):
    """Nesterov's accelerated gradient (Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html).

    Equations 3 and 4: m' = beta m - eta g(theta + beta m); theta' = theta + m'. The parameters that are stored, and at
    which losses are evaluated, are the look-ahead point p = theta + beta m, where the formula needs the gradient. It
    moves by

        p' - p = (theta + m' + beta m') - (theta + beta m) = m' + beta m' - beta m = beta m' - eta g(p),

    whatever eta was before. `without_lookahead` returns theta. optax.sgd(rate, beta, nesterov=True) is the same at a
    constant rate; optax.chain(optax.scale_by_learning_rate(rate), optax.trace(beta, nesterov=True)) at every schedule.

    p from 1, eta 0.1, beta 1/2, g(p) = 1, 1, -1: m is -0.1, -0.15, 0.025 as for `momentum`, and p moves by
    -0.05 - 0.1 = -0.15, -0.075 - 0.1 = -0.175, 0.0125 + 0.1 = 0.1125. Then theta = 0.7875 - 0.0125 = 0.775.

    >>> iterates(nesterov(0.1, momentum=0.5), 1.0, [1, 1, -1])
    [0.85, 0.675, 0.7875]
    """

    def formula(eta, t, g, theta, m):
        m = -eta * g + momentum * m
        return -eta * g + momentum * m, m

    return by_formula(formula, (moment(accumulator_dtype),), rate, schedule)


def without_lookahead(params: Params, state: RateState, momentum: float = 0.9) -> Params:
    """theta = p - beta m of `nesterov`, from its parameters p and its state."""
    return jax.tree.map(lambda p, m: (p - momentum * m).astype(jnp.result_type(p)), params, state.slots[0])


def adagrad(rate=0.01, *, eps=1e-8, eps_inside_root=False, schedule=constant):
    """Duchi, Hazan & Singer 2011 (https://jmlr.org/papers/v12/duchi11a.html, figure 1, diagonal).

    s <- s + g^2; theta <- theta - eta g / (sqrt(s) + eps), or sqrt(s + eps). s starts at 0, as in the paper; optax's
    starts at 0.1 and has the epsilon inside: optax.adagrad(rate, initial_accumulator_value=0.0, eps=1e-7) is
    adagrad(rate, eps=1e-7, eps_inside_root=True).

    theta from 1, eta 0.1, g = 3, 4, 12: s is 9, 25, 169, and the steps are 0.1 times 3/3, 4/5, 12/13.

    >>> iterates(adagrad(0.1), 1.0, [3, 4, 12])
    [0.9, 0.82, 0.727692]
    """

    def formula(eta, t, g, theta, s):
        s = s + squared(g)
        return -eta * (g / root(s, eps, eps_inside_root)), s

    return by_formula(formula, (squares,), rate, schedule)


def rmsprop(rate=1e-3, *, beta2=0.9, eps=1e-8, eps_inside_root=False, schedule=constant):
    """Tieleman & Hinton 2012 (https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf, slide 29).

    s <- beta2 s + (1 - beta2) g^2; theta <- theta - eta g / (sqrt(s) + eps), or sqrt(s + eps).
    optax.rmsprop(rate, decay=0.9, eps=1e-8, eps_in_sqrt=False) is equal; by default its epsilon is inside.

    theta from 1, eta 0.1, beta2 3/4, g = 2, 1, -1: s is 4/4 = 1, then (3 + 1)/4 = 1, and again; steps -0.2, -0.1, 0.1.

    >>> iterates(rmsprop(0.1, beta2=0.75), 1.0, [2, 1, -1])
    [0.8, 0.7, 0.8]
    """

    def formula(eta, t, g, theta, s):
        s = (1 - beta2) * squared(g) + beta2 * s
        # Multiplies by the reciprocal, as optax does, so that both round alike.
        return -eta * (1 / root(s, eps, eps_inside_root) * g), s

    return by_formula(formula, (squares,), rate, schedule)


def adam(rate=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_inside_root=False, mu_dtype=None, schedule=constant):
    """Kingma & Ba 2015 (https://arxiv.org/abs/1412.6980, algorithm 1).

    m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2;
    theta <- theta - eta (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps), or sqrt(s / (1 - beta2^t) + eps).
    optax.adam(rate) is equal; with the epsilon inside, optax.adam(rate, eps=0.0, eps_root=eps) is.

    theta from 1, eta 0.1, beta1 1/2, beta2 3/4, g = 2, 2, -2: s / (1 - beta2^t) is 4. m is 1, 3/2, -1/4; divided by
    1/2, 3/4, 7/8 it is 2, 2, -2/7. Divided by the root, 2, and times 0.1 the steps are -0.1, -0.1, 0.1 / 7.

    >>> iterates(adam(0.1, beta1=0.5, beta2=0.75), 1.0, [2, 2, -2])
    [0.9, 0.8, 0.814286]
    """

    def formula(eta, correction, g, theta, m, s):
        m = (1 - beta1) * g + beta1 * m
        s = (1 - beta2) * squared(g) + beta2 * s
        return -eta * (m / correction[0] / root(s / correction[1], eps, eps_inside_root)), m, s

    return by_formula(formula, (moment(mu_dtype), squares), rate, schedule, corrections(beta1, beta2))
