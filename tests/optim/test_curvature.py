"""The inverse Hessian of remembered pairs, against the matrices of BFGS."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.optim.curvature import Ends, forgotten, inverse_hessian, products, remembered, unknown

SIZE, MEMORY = 6, 4


def pairs(count):
    """Steps and changes [count, SIZE] of a quadratic of positive curvature."""
    draw = np.random.default_rng(count)
    root = draw.normal(size=(SIZE, SIZE))
    steps = draw.normal(size=(count, SIZE))
    return steps, steps @ (root @ root.T + np.eye(SIZE))


def with_pair(known, s, y, condition=True):
    """The pair, as a step from a gradient of ones."""
    s, y, before = jnp.float32(s), jnp.float32(y), jnp.ones(SIZE)
    ends = Ends(before, before + y, products(known, before))
    known, after = remembered(known, s, s @ y, known.changes @ s, ends, jnp.array(condition))
    jax.tree.map(np.testing.assert_array_equal, after, products(known, ends.after))
    return known


def by_matrices(steps, changes):
    """H [SIZE, SIZE] of the last MEMORY pairs: equation 7.16 of Nocedal & Wright, from H_0 of the newest."""
    steps, changes = steps[-MEMORY:], changes[-MEMORY:]
    inverse = np.eye(SIZE) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes):
        rho = 1 / (s @ y)
        left = np.eye(SIZE) - rho * np.outer(s, y)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return inverse


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_fewer_pairs_than_are_remembered_and_more(count):
    steps, changes = pairs(count)
    known = unknown(MEMORY, jnp.zeros(SIZE))
    vector = jnp.float32(np.random.default_rng(1).normal(size=SIZE))
    for s, y in zip(steps, changes):
        known = with_pair(known, s, y)
    ours, along = jax.jit(inverse_hessian)(known, vector, products(known, vector))
    np.testing.assert_allclose(ours, by_matrices(steps, changes) @ vector, rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(along, known.changes @ ours, atol=2e-3)
    nothing, _ = inverse_hessian(forgotten(known, jnp.array(True)), vector, products(known, vector))
    np.testing.assert_allclose(nothing, vector, rtol=1e-6)


def test_a_pair_that_does_not_count_changes_nothing():
    steps, changes = pairs(3)
    known = unknown(MEMORY, jnp.zeros(SIZE))
    for s, y in zip(steps, changes):
        known = with_pair(known, s, y)
    after = with_pair(known, np.ones(SIZE), np.ones(SIZE), False)
    jax.tree.map(np.testing.assert_array_equal, after, known)
