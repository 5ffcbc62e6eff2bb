"""Paths of optimisers over a surface of the plane, and examples that show how optimisers differ.

T    updates
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import built, check
from jaxgen.core.types import Technique
from jaxgen.optim import registry
from jaxgen.study import surfaces
from jaxgen.study.problems import state_at_rate


def path_over(technique: Technique, key: jax.Array, rate: float, steps: int) -> np.ndarray:
    """The points [steps + 1, 2] of a run of `surfaces.make` at this learning rate, its first point included.

    Update n reads `technique.example` of the n-th key: the surface's noise, if it has any. Nesterov's momentum stores
    the point where it reads the gradient, theta + beta m, and that is the point returned here.
    """

    @jax.jit
    def path(key, rate):
        first_key, noise_key = jax.random.split(key)
        state = state_at_rate(technique, first_key, rate)

        def update(state, n):
            state, _ = technique.step(state, technique.example(jax.random.fold_in(noise_key, n)))
            return state, state.params["point"]

        _, points = jax.lax.scan(update, state, jnp.arange(steps))
        return jnp.concatenate([state.params["point"][None], points])

    return np.asarray(path(key, rate))


def published(name: str) -> Callable[[float], Any]:
    """An optimiser's factory of the rate, with its published hyper-parameters."""
    return registry.find(name).factory


def paths_over(
    surface: str, rates: Mapping[str, float], steps: int, factory: Callable[[str], Callable[[float], Any]] = published
) -> dict[str, np.ndarray]:
    """Optimiser -> its path [steps + 1, 2] from the surface's own start.

    Args:
        surface: its name in `surfaces.SURFACES`.
        rates: optimiser -> learning rate.
        steps: updates.
        factory: an optimiser's name -> its factory of the rate.

    Raises:
        Refused: an unknown surface or optimiser.
    """
    config = built(surfaces.Config, {"surface": surface, "spread": 0.0})
    check(config)
    techniques = {name: surfaces.make(config, factory(name)) for name in rates}
    return {name: path_over(technique, jax.random.key(0), rates[name], steps) for name, technique in techniques.items()}


class Lesson(NamedTuple):
    """Paths that show a difference between optimisers."""

    surface: str
    rates: Mapping[str, float]  # optimiser -> learning rate
    steps: int
    caption: str


ORDER = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")  # the order of their colours in all of these


def lessons() -> list[Lesson]:
    """Examples of how optimisers differ, a picture each; tests hold what the captions say."""
    all_of = lambda *rates: dict(zip(ORDER, rates))
    return [
        Lesson(
            *("quadratic", {"sgd": 0.019}, 40),
            "Gradient descent zigzags. Across the valley the curvature is 100, and 0.019 times 100 is just below the 2 "
            "at which it would diverge: every update lands on the other side. Along the valley the curvature is 1, and "
            "an update makes 1.9 % of the way that is left.",
        ),
        Lesson(
            *("quadratic", {"momentum": 0.002, "nesterov": 0.002}, 100),
            "Momentum overshoots, Nesterov's corrects; both have momentum 0.9 and the same rate. From height 1 above "
            "the valley's axis momentum rolls to 0.71 below it. Nesterov's reads the gradient where momentum is about "
            "to carry it (the point that is drawn), gets to 0.42, and keeps to the axis while momentum still swings.",
        ),
        Lesson(
            *("quadratic", {"adagrad": 0.1, "rmsprop": 0.1}, 60),
            "AdaGrad slows down. It divides by the root of the sum of all squared gradients, which only grows: its "
            "first update is 0.14 long, each is shorter than the one before, and the last is 0.012. RMSProp, at the "
            "same rate, forgets old gradients and arrives. Neither zigzags: each coordinate has its own scale.",
        ),
        Lesson(
            *("beale", all_of(0.01, 0.01, 0.01, 0.3, 0.05, 0.1), 80),
            "Six optimisers into Beale's bent valley. Gradient descent turns into it at once, then creeps. Momentum at "
            "the same rate falls through it down to y = -0.93, Nesterov's to -0.65; Nesterov's is the first below a "
            "value of 0.1, after 17 updates, runs past the minimum along the valley, and comes back.",
        ),
        Lesson(
            *("rosenbrock", all_of(0.002, 0.0005, 0.0005, 0.5, 0.01, 0.2), 400),
            "Rosenbrock's valley: easy to find, and nearly flat. What sets the six apart is how far they get along it. "
            "The rates are low enough for all to stay inside; momentum, AdaGrad and Adam end lower at rates of 0.002, "
            "2 and 1, which throw them over its walls first.",
        ),
        Lesson(
            *("saddle", all_of(0.02, 0.02, 0.02, 0.1, 0.02, 0.05), 80),
            "Leaving a saddle, from almost on the ridge, where hardly any slope leads to either minimum. Gradient "
            "descent goes to the saddle; after 80 updates it is still at 0.95, where the saddle is 1. Momentum gathers "
            "speed on the slight slope. AdaGrad, RMSProp and Adam, for whom the size of a coordinate's gradient hardly "
            "counts, leave the ridge at once.",
        ),
    ]
