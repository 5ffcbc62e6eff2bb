"""Schedules at their corners, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.optim import schedules
from jaxgen.optim.rate import constant
from jaxgen.optim.schedules import burda, cooled, warmed

HALF = np.sqrt(0.5)
CORNERS = {
    "piecewise": (schedules.piecewise([5, 8], [0.5, 2.0]), {0: 1, 4: 1, 5: 0.5, 7: 0.5, 8: 2, 10**9: 2}),
    "piecewise, by tenths": (schedules.piecewise([5, 8]), {0: 1, 4: 1, 5: 0.1, 7: 0.1, 8: 0.01}),
    "exponential": (schedules.exponential(20), {0: 1, 10: np.sqrt(0.1), 20: 0.1, 60: 0.001}),
    "power": (schedules.power(10), {0: 1, 5: 2 / 3, 10: 1 / 2, 20: 1 / 3, 90: 1 / 10}),
    "power, square root": (schedules.power(10, 0.5), {0: 1, 30: 1 / 2, 80: 1 / 3}),
    "inverse_time": (schedules.inverse_time(10), {0: 1, 10: 1 / 2, 20: 1 / 3}),
    "inverse_time, Keras's decay of 0.25": (schedules.inverse_time(1, 0.25), {0: 1, 1: 0.8, 4: 0.5, 12: 0.25}),
    "cosine": (schedules.cosine(8), {0: 1, 2: (1 + HALF) / 2, 4: 0.5, 6: (1 - HALF) / 2, 8: 0, 9: 0}),
    "cosine to a floor": (schedules.cosine(8, rate_floor=0.2), {0: 1, 4: 0.6, 8: 0.2, 99: 0.2}),
    "cosine after warm-up": (schedules.cosine(10, 0.2), {0: 1, 2: 1, 4: (1 + HALF) / 2, 6: 0.5, 10: 0}),
    "warm-up and cosine": (warmed(schedules.cosine(10, 0.2), 0.2, 10), {0: 0.5, 1: 1, 2: 1, 6: 0.5, 10: 0}),
    "one_cycle": (schedules.one_cycle(100), {0: 0.1, 15: 0.4, 45: 1, 60: 0.7, 90: 0.1, 95: 0.0505, 100: 0.001}),
    "nothing but warm-up": (warmed(constant, 0.5, 8), {0: 0.25, 1: 0.5, 3: 1, 4: 1, 7: 1}),
    "all of it warm-up": (warmed(schedules.cosine(4, 1.0), 1.0, 4), {0: 0.25, 2: 0.75, 3: 1}),
    "warm-up shorter than an update": (warmed(constant, 0.01, 10), {0: 1, 1: 1}),
    "nothing but cooldown": (cooled(constant, 0.5, 8), {0: 1, 4: 1, 5: 0.75, 7: 0.25, 8: 0, 9: 0}),
    "cooldown shorter than an update": (cooled(constant, 0.01, 10), {0: 1, 9: 1, 10: 0}),
    "cosine of no updates": (schedules.cosine(0), {0: 1}),
    "one_cycle of no updates": (schedules.one_cycle(0), {0: 0.1}),
    "warm-up and cooldown of no updates": (cooled(warmed(constant, 0.5, 0), 0.5, 0), {0: 0}),
}  # fmt: skip


def test_corners():
    """By one program."""
    factors = lambda schedule, points: jax.vmap(lambda t: jnp.asarray(schedule(t), float))(jnp.asarray([*points]))
    found = jax.jit(lambda: {name: factors(*each) for name, each in CORNERS.items()})()
    for name, (_, points) in CORNERS.items():
        assert found[name].dtype == jnp.float32
        np.testing.assert_allclose(found[name], [*points.values()], rtol=2e-6, atol=1e-7, err_msg=name)


def test_burdas_rates_and_a_cooldown():
    """10^(-i / 7) for 3^i passes, i = 0 to 7, and then the last one; here an epoch has 4 updates."""
    passes = np.concatenate([np.full(3**i, 10 ** (-i / 7)) for i in range(8)])
    assert len(passes) == 3280
    both = jax.jit(jax.vmap(lambda t: (burda(4)(t), cooled(burda(4), 0.25, 400)(t))))
    found, cool = both(jnp.append(jnp.arange(4 * 3280), 10**6))
    np.testing.assert_allclose(found, np.append(np.repeat(passes, 4), 0.1), rtol=1e-6)
    line = np.concatenate([np.ones(300), np.linspace(1, 0, 101)])
    np.testing.assert_allclose(cool[:401], found[:401] * line, atol=1e-6)
    assert warmed(constant, 0.0, 400) is cooled(constant, 0.0, 400) is constant
