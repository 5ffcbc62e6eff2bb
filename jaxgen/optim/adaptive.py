"""Optimisers related to Adam, by their formulas, each a factory that takes the learning rate.

As in `textbook`: eta is the learning rate times its schedule's factor, g the gradient, theta the parameters, all
elementwise; the slots of the formulas (m, s, u, r) start at 0; `mu_dtype` is that of m; each docstring ends with three
steps by hand. Weight decay is of arrays with two axes or more, of all with `decay_all` (see `rate.decays`).
"""

import jax.numpy as jnp

from jaxgen.optim.rate import by_formula, constant, corrections, decay, moment, root, squared, squares


def adadelta(rate=1.0, *, beta2=0.95, eps=1e-6, eps_inside_root=True, schedule=constant):
    """Zeiler 2012 (https://arxiv.org/abs/1212.5701, algorithm 1); beta2 is the paper's rho.

    s <- beta2 s + (1 - beta2) g^2; x = -g sqrt(u + eps) / sqrt(s + eps); u <- beta2 u + (1 - beta2) x^2;
    theta <- theta + eta x. The paper has the epsilon inside both roots, as here by default, and no eta: it is 1.
    optax.adadelta(1.0, rho=0.95, eps=1e-6) is equal; its own rho is 0.9.

    theta from 1, eta 0.1, beta2 3/4, eps 1, g = 2, 1, -1: s is 1 throughout. x is -2 / sqrt(2) = -1.414214, u = 2/4;
    x is -sqrt(1.5 / 2) = -0.866025, u = (3 * 0.5 + 0.75) / 4 = 0.5625; x is sqrt(1.5625 / 2) = 0.883883.

    >>> iterates(adadelta(0.1, beta2=0.75, eps=1.0), 1.0, [2, 1, -1])
    [0.858579, 0.771976, 0.860364]
    """

    def formula(eta, t, g, theta, s, u):
        s = (1 - beta2) * squared(g) + beta2 * s
        x = -g * (root(u, eps, eps_inside_root) / root(s, eps, eps_inside_root))
        return eta * x, s, (1 - beta2) * squared(x) + beta2 * u

    return by_formula(formula, (squares, squares), rate, schedule)


def adamw(
    rate=1e-3,
    *,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    eps_inside_root=False,
    weight_decay=0.004,
    decay_all=False,
    mu_dtype=None,
    schedule=constant,
):
    """Loshchilov & Hutter 2019 (https://arxiv.org/abs/1711.05101, algorithm 2).

    m and s as in `adam`; theta <- theta - eta ((m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps) + lambda theta),
    lambda being `weight_decay`, of arrays with two axes or more; with `decay_all`, of all as in the paper, optax,
    PyTorch and Keras (whose default is 0.004). Here, as in those, eta is the whole rate; the paper multiplies the decay
    by the schedule's factor alone, so that its lambda is our rate times lambda.
    optax.adamw(rate, weight_decay=0.004) is equal to `decay_all`; its own lambda is 1e-4.

    theta from 1, eta 0.1, beta1 1/2, beta2 3/4, lambda 1/2, g = 2, 2, -2: Adam's quotients are 1, 1, -1/7, to which
    0.5, 0.425 and 0.35375 are added.

    >>> iterates(adamw(0.1, beta1=0.5, beta2=0.75, weight_decay=0.5, decay_all=True), 1.0, [2, 2, -2])
    [0.85, 0.7075, 0.686411]
    """

    def formula(eta, correction, g, theta, m, s):
        m = (1 - beta1) * g + beta1 * m
        s = (1 - beta2) * squared(g) + beta2 * s
        step = m / correction[0] / root(s / correction[1], eps, eps_inside_root)
        return -eta * (step + decay(weight_decay, theta, decay_all)), m, s

    return by_formula(formula, (moment(mu_dtype), squares), rate, schedule, corrections(beta1, beta2))


def amsgrad(rate=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_inside_root=False, mu_dtype=None, schedule=constant):
    """Reddi, Kale & Kumar 2018 (https://openreview.net/forum?id=ryQu7f-RZ, algorithm 2).

    m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2; r <- max(r, s);
    theta <- theta - eta m / (sqrt(r) + eps), or sqrt(r + eps).
    No bias is corrected, as in the paper (which has no epsilon either); optax.amsgrad corrects m and, before the
    maximum, s. optax.amsgrad(rate, bias_correction_mu=False, bias_correction_nu=False) is equal.

    theta from 1, eta 0.1, beta1 1/2, beta2 3/4, g = 2, 0, 0: m is 1, 1/2, 1/4; s is 1, 3/4, 9/16 and r stays 1.

    >>> iterates(amsgrad(0.1, beta1=0.5, beta2=0.75), 1.0, [2, 0, 0])
    [0.9, 0.85, 0.825]
    """

    def formula(eta, t, g, theta, m, s, r):
        m = (1 - beta1) * g + beta1 * m
        s = (1 - beta2) * squared(g) + beta2 * s
        r = jnp.maximum(r, s)
        return -eta * (m / root(r, eps, eps_inside_root)), m, s, r

    return by_formula(formula, (moment(mu_dtype), squares, squares), rate, schedule)


def nadam(rate=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, eps_inside_root=False, mu_dtype=None, schedule=constant):
    """Dozat 2016 (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, algorithm 2), its momentum constant.

    m and s as in `adam`; h = beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t);
    theta <- theta - eta h / (sqrt(s / (1 - beta2^t)) + eps), or sqrt(s / (1 - beta2^t) + eps).
    In the paper, Keras and PyTorch beta1 rises with t, and the paper multiplies s by beta2 once more; neither is done
    here, nor in optax.nadam(rate), which is equal.

    theta from 1, eta 0.1, beta1 1/2, beta2 3/4, g = 2, 2, -2: the root is 2; m is 1, 3/2, -1/4, and h is
    0.5 / (3/4) + 1 / (1/2) = 8/3, 0.75 / (7/8) + 1 / (3/4) = 46/21, -0.125 / (15/16) - 1 / (7/8) = -134/105.

    >>> iterates(nadam(0.1, beta1=0.5, beta2=0.75), 1.0, [2, 2, -2])
    [0.866667, 0.757143, 0.820952]
    """

    def formula(eta, correction, g, theta, m, s):
        now, later = correction
        m = (1 - beta1) * g + beta1 * m
        s = (1 - beta2) * squared(g) + beta2 * s
        h = beta1 * (m / later[0]) + (1 - beta1) * (g / now[0])
        return -eta * (h / root(s / now[1], eps, eps_inside_root)), m, s

    at = corrections(beta1, beta2)
    return by_formula(formula, (moment(mu_dtype), squares), rate, schedule, lambda t: (at(t), at(t + 1)))


def lion(rate=1e-4, *, beta1=0.9, beta2=0.99, weight_decay=0.0, decay_all=False, mu_dtype=None, schedule=constant):
    """Chen et al. 2023 (https://arxiv.org/abs/2302.06675, algorithm 2).

    theta <- theta - eta (sign(beta1 m + (1 - beta1) g) + lambda theta); m <- beta2 m + (1 - beta2) g, lambda being
    `weight_decay`. optax.lion(rate, weight_decay=0.0) is equal; its own lambda is 1e-3, and of all arrays.

    theta from 1, eta 0.1, beta1 1/2, beta2 3/4, lambda 1/2, g = 2, 1, -1: m is 0.5, 0.625; the signs are those of
    1, 0.25 + 0.5, 0.3125 - 0.5; lambda theta is 0.5, 0.425, 0.35375.

    >>> iterates(lion(0.1, beta1=0.5, beta2=0.75, weight_decay=0.5, decay_all=True), 1.0, [2, 1, -1])
    [0.85, 0.7075, 0.772125]
    """

    def formula(eta, t, g, theta, m):
        step = jnp.sign((1 - beta1) * g + beta1 * m)
        return -eta * (step + decay(weight_decay, theta, decay_all)), (1 - beta2) * g + beta2 * m

    return by_formula(formula, (moment(mu_dtype),), rate, schedule)
