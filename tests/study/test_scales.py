import math

import numpy as np
import pytest
from study_rows import ACCURACY, ERROR

from jaxgen.study import scales

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.ticker import MaxNLocator


def ticks(scale):
    return scale.ticks(MaxNLocator(5))


def test_good_accuracies_are_told_apart_by_their_errors():
    scale = scales.fit(ACCURACY, [0.1, 0.9, 0.99], 0.1, [0.9, 0.99])
    low, good, best = scale.drawn([0.0, 0.9, 0.99])
    assert best - good == pytest.approx(good - low)
    places, labels = ticks(scale)
    assert labels == ["99 %", "98 %", "95 %", "90 %", "80 %", "50 %", "0 %"]
    np.testing.assert_allclose(places, scale.drawn([0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0]))
    assert ticks(scales.fit(ACCURACY, [0.1, 0.989], 0.1, [0.989]))[1][0] == "98 %"  # 99 would be drawn at 98.9
    assert math.isnan(scales.fit(ACCURACY, [0.1, 0.5], 0.1, [0.5]).pole)


def test_losses_that_fall_by_orders_of_magnitude_are_logarithmic():
    scale = scales.fit(ERROR, np.logspace(0, -6, 7), 1.0, [1e-6])
    np.testing.assert_allclose(np.diff(scale.drawn([1.0, 1e-3, 1e-6])), -3)
    assert ticks(scale)[1] == ["1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]
    far = scales.fit(ERROR, np.logspace(0, -13, 14), 1.0, [1e-13])
    assert ticks(far)[1] == ["1e-12", "1e-10", "1e-8", "1e-6", "0.0001", "0.01", "1"]


def test_losses_that_crowd_above_an_unknown_floor_are_stretched():
    ends = [110.0, 112.0, 115.0, 130.0]
    scale = scales.fit(ERROR, [550.0, 200.0, *ends], 550.0, ends)
    first, second, _, fourth, start = scale.drawn([*ends, 550.0])
    assert first < second < fourth < start
    assert fourth - first > 0.2 * (start - first)  # on a linear axis 0.05
    places, labels = ticks(scale)
    assert len(labels) >= 4
    assert all(float(text) % 1 == 0 for text in labels)  # round ones
    np.testing.assert_allclose(places, scale.drawn([float(text) for text in labels]))
    apart = scales.fit(ERROR, [550.0, 300.0, 110.0], 550.0, [110.0, 300.0, 500.0])
    assert math.isnan(apart.pole)
    np.testing.assert_array_equal(apart.drawn([3.0, 7.0]), [3.0, 7.0])


def test_a_perfect_value_has_a_place_and_its_name():
    for task, values, name in ((ACCURACY, [0.1, 0.9, 0.99, 1.0], "100 %"), (ERROR, [1.0, 0.1, 1e-3, 0.0], "0")):
        scale = scales.fit(task, values, values[0], values[-1:])
        places, labels = ticks(scale)
        assert np.isfinite(scale.drawn(values)).all()
        at = places[labels.index(name)]
        assert at == scale.drawn(values[-1]) != scale.drawn(values[-2])
        assert scale.low <= at <= scale.high
        assert min(abs(at - place) for place in places if place != at) > 0.05 * (scale.high - scale.low)
    assert "100 %" not in ticks(scales.fit(ACCURACY, [0.1, 0.99], 0.1, [0.99]))[1]


@pytest.mark.parametrize("task", [ERROR, ACCURACY])
def test_odd_values_have_limits(task):
    for values, start in (
        ([0.1, 0.1], 0.1),
        ([0.0], 0.0),
        ([0.1, 1e30], 0.1),
        ([0.1, math.nan, math.inf], math.nan),
        ([0.5, 0.4], 0.45),
        ([1e-30, 1e-29], 1e-30),
    ):
        scale = scales.fit(task, values, start, values[-1:])
        assert math.isfinite(scale.low)
        assert scale.low < scale.high < 1e3
        places, labels = ticks(scale)
        assert len(places) == len(labels)
    assert math.isnan(scales.fit(task, [math.nan], math.nan, []).low)
    assert math.isnan(scales.fit(task, [], 0.1, []).low)


def test_what_is_far_worse_than_untrained_leaves_the_picture():
    scale = scales.fit(ERROR, [900.0, 20.0, 1e25], 900.0, [20.0])
    assert scale.drawn(900.0) < scale.high < scale.drawn(2000.0)


def test_round_numbers():
    cases = [(0.12, 0.18), (480.0, 530.0), (0.08, 0.3), (-3.0, 2.0), (-0.18, -0.12), (131.0, 139.0), (0.985, 0.992)]
    assert [scales.roundest(*case) for case in cases] == [0.15, 500.0, 0.1, 0.0, -0.15, 135.0, 0.99]
