"""Steps of drawings, what counts of them, and drawings that are stretched and thinned, against loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import pen
from jaxgen.ops.mixtures import log_density, mixture

RNG = np.random.default_rng(0)
STROKES = np.array([[1, 2, 0], [3, -1, 0], [0.5, 0, 1], [-2, 1, 0], [1, 1, 1], [9, 9, 9]], np.float32)


def test_steps_by_hand():
    target = jax.jit(pen.steps)(STROKES, 5)
    down, lifted, end = [1, 0, 0], [0, 1, 0], [0, 0, 1]
    states = [down, down, lifted, down, lifted, end]
    before = [[0, 0, *down], *[[*row[:2], *state] for row, state in zip(STROKES[:5], states)], [0, 0, *end]]
    np.testing.assert_array_equal(target.before, np.float32(before))
    np.testing.assert_array_equal(target.state, [0, 0, 1, 0, 1, 2, 2])
    np.testing.assert_array_equal(target.point, [1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(target.counts, [1, 1, 1, 1, 1, 1, 0])


def test_losses_are_those_of_a_loop_over_unpadded_drawings():
    raw, logits = (np.float32(RNG.normal(size=(7, n))) for n in (12, 3))
    offset, state = jax.jit(lambda *a: pen.losses(mixture(a[0]), a[1], pen.steps(a[2], 5)))(raw, logits, STROKES)
    of = mixture(jnp.asarray(raw))
    each = [-log_density(jax.tree.map(lambda a: a[n], of), STROKES[n, :2]) for n in range(5)]  # noqa: B023
    assert float(offset.sum()) == pytest.approx(float(sum(each)), rel=1e-5)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -sum(log_p[n, s] for n, s in enumerate([0, 0, 1, 0, 1, 2]))
    assert float(state.sum()) == pytest.approx(expected, rel=1e-5)
    longer = np.concatenate([STROKES, np.full((4, 3), 7, np.float32)])
    for a, b in zip(pen.steps(longer, 5), pen.steps(STROKES, 5)):
        np.testing.assert_array_equal(a[:7], b)


def test_thinned_drawings_keep_corners_and_places():
    """What is left stands where it stood; ends and beginnings of strokes are all there."""
    count, length = 40, 33
    strokes = np.float32(RNG.normal(size=(count, 3)))
    strokes[:, 2] = RNG.uniform(size=count) < 0.2
    thinned = jax.jit(pen.augmented, static_argnums=(3, 4))
    places = np.cumsum(strokes[:length, :2], 0)
    lifted = strokes[:length, 2] > 0
    first = np.r_[True, lifted[:-1]]
    lengths = []
    for seed in range(30):
        shorter, n = thinned(jax.random.key(seed), strokes, length, 0.0, 0.5)
        assert not np.asarray(shorter[int(n) :]).any()
        left = np.cumsum(np.asarray(shorter)[: int(n), :2], 0)
        where = [int(np.abs(places - each).sum(1).argmin()) for each in left]
        np.testing.assert_allclose(places[where], left, atol=1e-4)
        assert where == sorted(set(where))
        assert set(np.flatnonzero(lifted | first)) | {length - 1} <= set(where)
        np.testing.assert_array_equal(np.asarray(shorter)[: int(n), 2] > 0, lifted[where])
        lengths.append(int(n))
    inner = (~lifted & ~first)[: length - 1].sum()
    assert np.mean(lengths) == pytest.approx(length - inner / 2, abs=1.5)
    same, n = thinned(jax.random.key(0), strokes, length, 0.0, 0.0)
    assert int(n) == length
    np.testing.assert_allclose(same[:length], strokes[:length], atol=1e-5)
    wide, _ = thinned(jax.random.key(0), strokes, length, 0.15, 0.0)
    ratio = np.asarray(wide)[:length, :2] / strokes[:length, :2]
    assert np.ptp(ratio, axis=0).max() < 1e-2
    assert np.abs(ratio - 1).max() < 0.16
