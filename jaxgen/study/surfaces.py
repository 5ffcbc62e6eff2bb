"""Descent on a surface over the plane, where the paths of optimisers can be drawn.

Rosenbrock's curved valley and Beale's plateau between steep walls (Moré, Garbow & Hillstrom 1981,
https://doi.org/10.1145/355934.355936, functions 1 and 5, from the starts given there), a quadratic of condition number
100 (Boyd & Vandenberghe 2004, section 9.3.2, https://web.stanford.edu/~boyd/cvxbook/), and a saddle between two minima,
of the kind that Dauphin et al. 2014 (https://arxiv.org/abs/1406.2572) find in the way of networks. Each is a sum of
squares whose lowest value is 0, so that a surface's value is the excess over its minimum.

Nothing is clipped: where a learning rate is too large for a wall, the point leaves the plane and soon is not finite.

B    examples in a batch
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Holdout, Source, Technique
from jaxgen.optim.textbook import adam


@dataclasses.dataclass(frozen=True)
class Config:
    """A surface, the spread of starts on it, and the noise in its gradient."""

    surface: Literal["rosenbrock", "beale", "quadratic", "saddle"] = knob("rosenbrock", "the surface that is descended")
    spread: float = knob(0.01, "sd of starts around the surface's own start: seeds differ in it alone", lower=0.0)
    noise: float = knob(0.0, "sd of what each example adds to the gradient; 0: none", lower=0.0)
    learning_rate: float = knob(1e-2, "of the optimiser", above=0.0)


def rosenbrock(point: Any) -> Any:
    """Points [2, ...] to (1 - x)^2 + 100 (y - x^2)^2 [...]."""
    x, y = point
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def beale(point: Any) -> Any:
    """Points [2, ...] to the sum over i = 1, 2, 3 of (c_i - x (1 - y^i))^2 [...], c = 1.5, 2.25, 2.625."""
    x, y = point
    return (1.5 - x * (1.0 - y)) ** 2 + (2.25 - x * (1.0 - y**2)) ** 2 + (2.625 - x * (1.0 - y**3)) ** 2


def quadratic(point: Any) -> Any:
    """Points [2, ...] to (x^2 + 100 y^2) / 2 [...]: curvatures 1 along the valley and 100 across it."""
    x, y = point
    return 0.5 * (x**2 + 100.0 * y**2)


def saddle(point: Any) -> Any:
    """Points [2, ...] to x^2 + (y^2 / 2 - 1)^2 [...]: x^2 - y^2 near the origin, and no lower than 0 far from it."""
    x, y = point
    return x**2 + (0.5 * y**2 - 1.0) ** 2


class Surface(NamedTuple):
    """A function of the plane whose lowest value is 0."""

    value: Callable[[Any], Any]  # [2, ...] -> [...], of JAX's arrays and of NumPy's
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]  # all points where it is 0
    bounds: tuple[float, float, float, float]  # least and greatest x, least and greatest y: what a picture shows


SURFACES = {
    "rosenbrock": Surface(rosenbrock, (-1.2, 1.0), ((1.0, 1.0),), (-2.0, 2.0, -0.75, 2.0)),
    "beale": Surface(beale, (1.0, 1.0), ((3.0, 0.5),), (0.25, 4.0, -1.25, 1.5)),
    "quadratic": Surface(quadratic, (-4.0, 1.0), ((0.0, 0.0),), (-4.75, 2.0, -1.5, 1.5)),
    # Almost on the ridge: exactly on it, no gradient would ever leave it.
    "saddle": Surface(saddle, (1.5, 0.01), ((0.0, -(2.0**0.5)), (0.0, 2.0**0.5)), (-1.0, 2.0, -2.0, 2.0)),
}


def minima_of(config: Config) -> jax.Array:
    """The points [M, 2] where the surface has its lowest value, 0."""
    return jnp.asarray(SURFACES[config.surface].minima, jnp.float32)


def tilted(value: jax.Array, point: jax.Array, noise: jax.Array) -> jax.Array:
    """A surface's `value` [] at the point [2], tilted so that its gradient gains the mean of the noise [B, 2]."""
    return value + jnp.sum(noise.mean(0) * point)


def noise_source(config: Config, batch_size: int = 1) -> Source:
    """A Source whose batch n is {"noise": [batch_size, 2]}, normal with the Config's sd, a function of (key, n)."""
    return Source((), _take(config.noise, batch_size))


def _normal(key, deviation, shape):
    # Without noise, drawing it would take most of a step's time, and of its compilation's.
    return deviation * jax.random.normal(key, shape, jnp.float32) if deviation else jnp.zeros(shape, jnp.float32)


# Cached, because jit knows a function by its identity.
@functools.cache
def _take(noise, batch_size):
    def take(arrays, key, n):
        del arrays
        return {"noise": _normal(jax.random.fold_in(key, n), noise, (batch_size, 2))}

    return take


def _take_none(arrays, n):
    del arrays, n
    return {"noise": jnp.zeros((1, 2), jnp.float32)}, jnp.ones(1, bool)


def exact_holdout() -> Holdout:
    """A Holdout of one batch of one example, without noise."""
    return Holdout((), _take_none, 1)


def make(config=Config(), optimizer=adam):
    """The Technique. A batch is {"noise": [B, 2]}; the parameters are {"point": [2]}."""
    surface = SURFACES[config.surface]
    optimizer = optimizer(config.learning_rate)

    def init(key):
        state_key, start_key = jax.random.split(key)
        point = jnp.asarray(surface.start, jnp.float32) + _normal(start_key, config.spread, (2,))
        return begin(state_key, {"point": point}, optimizer)

    def loss(params, carry, key, batch):
        del key
        value = tilted(surface.value(params["point"]), params["point"], batch["noise"])
        return value, (carry, {"loss": value})

    def measure(state, key, batch):
        del key
        return (jnp.broadcast_to(surface.value(state.params["point"]), len(batch["noise"])),)

    def value(state, key, point):
        """The surface's value [] at a point [2]; the State is not read."""
        del state, key
        return surface.value(point)

    def example(key):
        return {"noise": _normal(key, config.noise, (1, 2))}

    def inputs(key):
        return {"value": jax.random.normal(key, (2,), jnp.float32)}

    definitions = {"excess": f"height of the point over the lowest of the {config.surface} surface, which is 0"}
    step = gradient_step(loss, optimizer)
    return Technique(init, step, averaged(measure, definitions), {"value": value}, example, inputs)


def tiny(optimizer=adam):
    """Each surface, one of them with noise."""
    noises = {"quadratic": 0.1}
    change = lambda name: Config(surface=name, noise=noises.get(name, 0.0))
    return {f"surface_{name}": make(change(name), optimizer) for name in SURFACES}
