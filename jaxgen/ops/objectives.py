"""What an image is optimised for: numbers computed from the activations of a fixed network.

Each factory returns a function of activations, a mapping of names to float arrays [B, h, w, C], or [B, C] of a layer
without positions, to a scalar []. All are means over the batch, whose images may be views of one. They are the
quantities of their names: `neuron`, `channel`, `direction`, `layer`, `logit` and `diversity` are to be raised,
`content` and `style` are distances. `total` weights them, by negative numbers where it takes the other direction.

Names and meanings as in lucid (Olah et al. 2017, https://distill.pub/2017/feature-visualization) where it has them. An
index of a channel or class may be traced: one compiled program then serves all of them.

Raises, when they are applied to activations that do not fit:
    ValueError: a name, channel, position or class that the activations do not have, or targets of another shape.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.gram import gram_matrix, similarities

Activations = Mapping[str, jax.Array]
Objective = Callable[[Activations], jax.Array]
Index = int | jax.Array


def neuron(name: str, channel: Index, position: tuple[int, int] | None = None) -> Objective:
    """One unit of a channel, at (row, column); None: the centre, of even sides the lower right of the central four."""

    def objective(activations):
        x = _activation(activations, name, 4)
        row, column = (x.shape[1] // 2, x.shape[2] // 2) if position is None else position
        return _entry(_entry(_entry(x, channel, 3, "channels"), column, 2, "columns"), row, 1, "rows").mean()

    return objective


def channel(name: str, channel: Index) -> Objective:
    """The mean of a channel over positions."""

    def objective(activations):
        x = _activation(activations, name)
        return _entry(x, channel, x.ndim - 1, "channels").mean()

    return objective


def direction(name: str, vector: jax.Array) -> Objective:
    """The mean over positions of the inner product with a vector [C]."""

    def objective(activations):
        x = _activation(activations, name)
        _require(jnp.shape(vector) == x.shape[-1:], f"a vector of {name} is {x.shape[-1:]}, not {jnp.shape(vector)}")
        return jnp.einsum("...c,c->...", x, vector, precision="highest").mean()

    return objective


def layer(name: str) -> Objective:
    """The mean of the squares of all activations: DeepDream's objective for a layer."""
    return lambda activations: jnp.square(_activation(activations, name)).mean()


def logit(name: str, label: Index) -> Objective:
    """The logit of a class, of activations [B, classes]. (Of a probability the derivative vanishes near 1.)"""
    return lambda activations: _entry(_activation(activations, name, 2), label, 1, "classes").mean()


def content(name: str, target: jax.Array) -> Objective:
    """The squared distance to the target, activations of one image [h, w, C]: a sum over its elements.

    Gatys et al. 2015, https://arxiv.org/abs/1508.06576, equation 1, without its factor 1/2.
    """

    def objective(activations):
        x = _activation(activations, name)
        _require(
            jnp.shape(target) == x.shape[1:], f"one image of {name} is {x.shape[1:]}, the target {jnp.shape(target)}"
        )
        return jnp.square(x - target[None]).sum() / len(x)

    return objective


def style(name: str, target: jax.Array, divisor: float = 1.0) -> Objective:
    """The squared distance of Gram matrices, each divided by `divisor`, to the target [C, C]: a sum over its elements.

    Gatys et al. 2015, equation 4, without its factor, which is a weight here: 1 / (4 C^2 (h w)^2).
    """

    def objective(activations):
        grams = gram_matrix(_activation(activations, name, 4), divisor)
        _require(target.shape == grams.shape[1:], f"Gram matrices of {name} are {grams.shape[1:]}, not {target.shape}")
        return jnp.square(grams - target[None]).sum() / len(grams)

    return objective


def diversity(name: str) -> Objective:
    """1 less the mean cosine between the Gram matrices of different images of the batch: 0 where all have one style.

    lucid's `diversity` is the sum of these cosines divided by B, to be lowered.
    """

    def objective(activations):
        cosines = similarities(gram_matrix(_activation(activations, name, 4)))
        count = len(cosines)
        _require(count > 1, "diversity is that of two images or more")
        return 1.0 - (cosines.sum() - jnp.trace(cosines)) / (count * (count - 1))

    return objective


def total(terms: Sequence[tuple[float | jax.Array, Objective]]) -> Objective:
    """The sum of weight x objective over all (weight, objective)."""
    return lambda activations: sum((w * objective(activations) for w, objective in terms), jnp.zeros((), jnp.float32))


def _activation(activations, name, axes=None):
    """The activations of that name as float32, with 2 axes, 4, or as many as stated."""
    _require(name in activations, f"no activations of {name!r}: there are {', '.join(activations)}")
    x = activations[name]
    expected = (axes,) if axes else (2, 4)
    _require(x.ndim in expected, f"{name} has {x.ndim} axes, not {' or '.join(map(str, expected))}")
    return x.astype(jnp.float32)


def _entry(x, index, axis, what):
    """x at an index of an axis, which is dropped. JAX itself would take the nearest for one that does not exist."""
    inside = not isinstance(index, int | np.integer) or 0 <= index < x.shape[axis]
    _require(inside, f"{what} go from 0 to {x.shape[axis] - 1}, not to {index}")
    return jnp.take(x, index, axis, mode="clip")


def _require(condition, text):
    if not condition:
        raise ValueError(text)
