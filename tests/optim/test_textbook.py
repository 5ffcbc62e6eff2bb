"""The optimisers against their papers' formulas in numpy, to 1e-12, while the rate changes and after it was cut."""

import doctest
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.optim import adaptive, rate, textbook
from jaxgen.optim.pairs import PAIRS
from jaxgen.optim.registry import OPTIMIZERS, find

RATE, CUT, STEPS = 0.1, 0.02, 20
INSIDE = {"eps": 1e-3, "eps_inside_root": True}
OUTSIDE = {"eps": 1e-3, "eps_inside_root": False}  # of all sizes that a root has here, so that its place shows


def factor(t):
    """What the rate is multiplied by after t updates."""
    return 1.0 / (1.0 + t / 7.0)


def divisor(s, eps, eps_inside_root):
    return np.sqrt(s + eps) if eps_inside_root else np.sqrt(s) + eps


def momentum(theta, gradients, rates, momentum=0.9, ahead=False):
    """With `ahead` the points theta + beta m; the gradients are those at them."""
    m = 0
    for g, eta in zip(gradients, rates):
        m = momentum * m - eta * g
        theta = theta + m
        yield theta + ahead * momentum * m


def rmsprop(theta, gradients, rates, beta2=0.9, added=None, **eps):
    s = 0
    for g, eta in zip(gradients, rates):
        s = beta2 * s + (added or 1 - beta2) * g * g
        theta = theta - eta * g / divisor(s, **eps)
        yield theta


def adadelta(theta, gradients, rates, beta2=0.95, **eps):
    s = u = 0
    for g, eta in zip(gradients, rates):
        s = beta2 * s + (1 - beta2) * g * g
        x = -divisor(u, **eps) / divisor(s, **eps) * g
        u = beta2 * u + (1 - beta2) * x * x
        theta = theta + eta * x
        yield theta


def adam(theta, gradients, rates, kind="adam", beta1=0.9, beta2=0.999, weight_decay=0.0, decay_all=True, **eps):
    m = s = r = 0
    for t, (g, eta) in enumerate(zip(gradients, rates), 1):
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        r = np.maximum(r, s)
        upper, lower = m / (1 - beta1**t), s / (1 - beta2**t)
        if kind == "amsgrad":
            upper, lower = m, r
        elif kind == "nadam":
            upper = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        theta = theta - eta * (upper / divisor(lower, **eps) + weight_decay * theta)
        yield theta


def lion(theta, gradients, rates, beta1=0.9, beta2=0.99, weight_decay=0.0, decay_all=True):
    m = 0
    for g, eta in zip(gradients, rates):
        theta = theta - eta * (np.sign(beta1 * m + (1 - beta1) * g) + weight_decay * theta)
        m = beta2 * m + (1 - beta2) * g
        yield theta


DEFAULT = {"eps": 1e-8, "eps_inside_root": False}  # as published; Zeiler's is another one
CASES = {  # (formula, what it is told, what ours is told)
    "sgd": (partial(momentum, momentum=0), {}, {}),
    "momentum": (momentum, {}, {}),
    "nesterov": (partial(momentum, ahead=True), {}, {}),
    "adagrad": (partial(rmsprop, beta2=1, added=1), DEFAULT, {}),
    "rmsprop": (rmsprop, DEFAULT, {}),
    "adadelta": (adadelta, {"eps": 1e-6, "eps_inside_root": True}, {}),
    "adam": (adam, DEFAULT, {}),
    "adamw": (adam, DEFAULT | {"weight_decay": 0.004}, {"decay_all": True}),
    "amsgrad": (partial(adam, kind="amsgrad"), DEFAULT, {}),
    "nadam": (partial(adam, kind="nadam"), DEFAULT, {}),
    "lion": (lion, {}, {}),
}
OTHER = {"momentum": 0.7, "beta1": 0.8, "beta2": 0.6, "weight_decay": 0.3, "decay_all": True}
for _name in OPTIMIZERS:
    _has = {key: value for key, value in OTHER.items() if key in find(_name).takes}
    for _place in (OUTSIDE, INSIDE) if "eps" in find(_name).takes else ({},) if _has else ():
        CASES[f"{_name} {_has | _place}"] = (CASES[_name][0], _has | _place, _has | _place)


def test_against_the_papers():
    """All trajectories by one program, the rate cut after half of the steps."""
    gradients = np.random.default_rng(0).normal(size=(STEPS, 5))
    gradients[3] = gradients[0, 2] = 0.0

    def trajectory(optimizer):
        def body(carry, g):
            theta, state = carry
            updates, state = optimizer.update(g, state, theta)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), theta

        theta, half = jnp.ones(5), STEPS // 2
        carry, early = jax.lax.scan(body, (theta, optimizer.init(theta)), gradients[:half])
        carry = (carry[0], optax.tree_utils.tree_set(carry[1], rate=CUT))
        return jnp.concatenate([early, jax.lax.scan(body, carry, gradients[half:])[1]])

    make = lambda name, told: OPTIMIZERS[name.split()[0]](RATE, schedule=factor, **told)
    with jax.enable_x64(True):
        every = {name: make(name, told) for name, (_, _, told) in CASES.items()}
        ours = jax.jit(lambda: {name: trajectory(each) for name, each in every.items()})()
        ours = jax.tree.map(np.asarray, ours)
    rates = [(RATE if t < STEPS // 2 else CUT) * factor(t) for t in range(STEPS)]
    for case, (formula, told, _) in CASES.items():
        expected = np.stack(list(formula(np.ones(5), gradients, rates, **told)))
        assert ours[case].dtype == np.float64
        np.testing.assert_allclose(ours[case], expected, rtol=1e-12, atol=1e-12, err_msg=case)
    assert OPTIMIZERS.keys() == {name.split()[0] for name in CASES} == PAIRS.keys()


def test_momentum_is_a_half_at_first():
    """m is -0.1, -0.15, then 0.9 m - 0.1 = -0.235."""
    made = textbook.momentum(0.1, momentum=0.9, early_updates=2)
    assert rate.iterates(made, 1.0, [1, 1, 1]) == [0.9, 0.75, 0.515]


@pytest.mark.parametrize("module", [textbook, adaptive])
def test_steps_by_hand(module):
    """Those of the docstrings: each optimiser has some."""
    failed, tried = doctest.testmod(module, extraglobs={"iterates": rate.iterates})
    assert failed == 0
    assert tried == len([each for each in OPTIMIZERS.values() if each.__module__ == module.__name__])
