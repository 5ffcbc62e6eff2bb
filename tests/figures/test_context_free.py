"""Pen bigrams by hand, and a mixture that finds the one that points were drawn from."""

from typing import NamedTuple

import numpy as np
import pytest

from jaxgen.figures import context_free


class Split(NamedTuple):
    strokes: np.ndarray
    length: np.ndarray


def test_transitions_by_hand():
    pens = np.array([[0, 1, 0, 0], [1, 1, 0, 0]])
    strokes = np.concatenate([np.zeros((2, 4, 2)), pens[..., None]], -1)
    counts = context_free.transitions(Split(strokes, np.array([4, 1])))
    # down, down, lifted, down, down, end; down, lifted, end
    np.testing.assert_array_equal(counts, [[2, 2, 1], [1, 0, 1], [0, 0, 0]])


def test_nats_are_those_of_the_density_that_drew_the_points():
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=(300, 10, 2)) * np.array([2.0, 0.5]) + 1.0
    split = Split(np.concatenate([offsets, np.zeros((300, 10, 1))], -1), np.full(300, 10))
    offset, pen = context_free.nats_per_point(split, split, 1)
    entropy = np.log(2 * np.pi * np.e) + np.log(2.0 * 0.5)
    assert offset == pytest.approx(entropy, abs=0.03)
    share = 1 / 11  # of the steps after a point with the pen down, the end
    expected = -(10 * np.log(1 - share) + np.log(share)) / 10
    assert pen == pytest.approx(expected, abs=0.01)
    ours = {"offset_nll": 1.0, "pen_nll": 0.25}
    table = context_free.compared(split, split, 1, ours)
    assert [cell.text for cell in table.rows[0]] == ["the network", "1.000", "0.250", "1.250"]
    assert table.rows[1][1].text == f"{offset:.3f}"
