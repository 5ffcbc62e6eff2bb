"""Small techniques and runs that several tests share."""

import jax
import jax.numpy as jnp

from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Holdout, Source, Stage, Technique
from jaxgen.optim.textbook import momentum


def take(arrays, key, n):
    """A batch of four rows, drawn by position."""
    rows = jax.random.choice(jax.random.fold_in(key, n), arrays, (4,))
    return {"x": rows}


def once(arrays, n):
    return {"x": arrays}, jnp.ones(len(arrays), bool)


def mean_of(size, rate=0.05, noise=0.0, optimizer=momentum):
    """Finds the mean of vectors [size] (data [N, 6], cut to size) by noisy gradient descent."""
    optimizer = optimizer(rate)

    def loss(params, carry, key, batch):
        wobble = noise * jax.random.normal(key, params.shape)
        value = jnp.mean((batch["x"][:, :size] - params[None] + wobble[None]) ** 2)
        return value, (carry + 1, {"loss": value})

    def init(key):
        return begin(key, jax.random.normal(jax.random.fold_in(key, 1), (size,)), optimizer, jnp.zeros(()))

    def add(state, key, tally, batch, mask):
        error = jnp.mean((batch["x"][:, :size] - state.params[None]) ** 2, axis=1)
        return tally + jnp.stack([jnp.sum(error * mask), jnp.sum(mask)])

    fold = Fold(lambda: jnp.zeros(2), add, lambda t: {"error": t[0] / t[1]}, {"error": "mean squared distance"})
    return Technique(
        init, gradient_step(loss, optimizer), fold, {}, lambda key: {"x": jnp.ones((4, 6))}, lambda key: {}
    )


def data():
    return jax.random.normal(jax.random.key(5), (32, 6)) + jnp.arange(6.0)[None]


def two_stages(steps=(7, 8), rate=0.05, noise=0.3):
    """The second stage has another shape, and starts from the first one's parameters."""
    small, large = mean_of(3, rate, noise), mean_of(6, rate, noise)

    def widen(previous, key, arrays):
        state = large.init(key)
        return state._replace(params=state.params.at[:3].set(previous.params))

    source, holdout = Source(data(), take), Holdout(data(), once, 1)
    return [Stage(small, source, steps[0], holdout), Stage(large, source, steps[1], holdout, widen)]
