"""What frozen features tell of classes: nearest neighbours, and logistic regression from a few labels or from all.

N, M    examples: queries and references, or those of a split
F       dimensions of a feature
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.classification import cross_entropy
from jaxgen.optim.lbfgs import lbfgs

BLOCK = 500  # queries at a time
DECAYS = (1e-4, 1e-3, 1e-2, 1e-1)  # of which the validation split chooses
UPDATES = 200
FILLED = 1000  # examples


class Split(NamedTuple):
    """Features of a split, and classes."""

    x: np.ndarray  # [N, F] float32
    label: np.ndarray  # [N] class numbers


def neighbours(queries: np.ndarray, references: np.ndarray, count: int) -> np.ndarray:
    """The numbers [N, count] of the nearest references [M, F] of each query [N, F], the nearest first."""
    offset = references.mean(0, keepdims=True)  # squares of large numbers would cancel
    references = references - offset
    squares, rows = np.square(references).sum(1), []
    for first in range(0, len(queries), BLOCK):
        distance = squares - 2 * (queries[first : first + BLOCK] - offset) @ references.T  # less what all have
        near = np.argpartition(distance, min(count, len(references) - 1), axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distance, near, 1), axis=1, kind="stable")
        rows.append(np.take_along_axis(near, order, 1))
    return np.concatenate(rows)


def voted(label: np.ndarray, classes: int) -> np.ndarray:
    """The commonest class [N] of neighbours' classes [N, count], nearest first; of equally common ones the nearest."""
    count = label.shape[1]
    votes = np.zeros((len(label), classes))
    for n in range(count):
        # All that is added to one vote is less than the next vote.
        votes[np.arange(len(label)), label[:, n]] += 1 + 0.5 ** (n + 2)
    return votes.argmax(1)


def neighbour_accuracy(train: Split, test: Split, classes: int, count: int = 5) -> float:
    """The share of test examples whose class is that of most of their `count` nearest training examples."""
    near = neighbours(test.x, train.x, min(count, len(train.x)))
    return float((voted(train.label[near], classes) == test.label).mean())


@functools.partial(jax.jit, static_argnames="classes")
def logistic(x: jax.Array, label: jax.Array, weight: jax.Array, decays: jax.Array, classes: int):
    """Kernels [S, F, C], biases [S, C] of multinomial logistic regressions on x [N, F], one for each weight decay [S].

    The mean cross-entropy, with weights [N] that add up to 1, plus half the decay times the squared kernel is minimised
    by UPDATES evaluations of L-BFGS; the best of them is kept.
    """

    def fit(decay):
        optimizer = lbfgs(1.0)

        def loss(params):
            logits = x @ params["kernel"] + params["bias"][None]
            return jnp.sum(weight * cross_entropy(logits, label)) + 0.5 * decay * jnp.square(params["kernel"]).sum()

        def update(loop, _):
            params, opt, best, least = loop
            value, gradient = jax.value_and_grad(loss)(params)
            better = value < least
            best = jax.tree.map(lambda new, old: jnp.where(better, new, old), params, best)
            delta, opt = optimizer.update(gradient, opt, params, value=value)
            return (jax.tree.map(jnp.add, params, delta), opt, best, jnp.minimum(value, least)), None

        shapes = {"kernel": (x.shape[1], classes), "bias": (classes,)}
        zeros = {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}
        start = (zeros, optimizer.init(zeros), zeros, jnp.full((), jnp.inf, jnp.float32))
        best = jax.lax.scan(update, start, None, UPDATES)[0][2]
        return best["kernel"], best["bias"]

    return jax.vmap(fit)(decays)


def probe_accuracy(train: Split, valid: Split, test: Split, classes: int) -> float:
    """Test accuracy of logistic regression on standardised features; the validation split chooses among DECAYS."""
    mean, deviation = train.x.mean(0, keepdims=True), train.x.std(0, keepdims=True)
    scaled = lambda split: (split.x - mean) / np.where(deviation > 1e-6, deviation, 1.0)
    # Sets of few labels are filled up to one size, so that one program serves all of them.
    spare = max(0, FILLED - len(train.label))
    weight = np.pad(np.full(len(train.label), 1 / len(train.label), np.float32), (0, spare))
    x, label = np.pad(scaled(train), ((0, spare), (0, 0))), np.pad(train.label, (0, spare))
    kernels, biases = map(np.asarray, logistic(x, label, weight, np.array(DECAYS, np.float32), classes))
    right = lambda split, n: float(((scaled(split) @ kernels[n] + biases[n]).argmax(1) == split.label).mean())
    return right(test, int(np.argmax([right(valid, n) for n in range(len(DECAYS))])))


def labelled(train: Split, count: int, classes: int, seed: int) -> Split:
    """`count` of the examples as nearly equally many of each class as there are, drawn by the seed; all where fewer."""
    order = np.random.default_rng(seed).permutation(len(train.label))
    rank = np.empty(len(order), int)  # of an example among those of its class, in that order
    for number in range(classes):
        own = order[train.label[order] == number]
        rank[own] = np.arange(len(own))
    kept = order[np.argsort(rank[order], kind="stable")][:count]
    return Split(train.x[kept], train.label[kept])
