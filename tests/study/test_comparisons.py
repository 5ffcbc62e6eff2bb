import math

import numpy as np
import pytest
from study_rows import ERROR, row

from jaxgen.study import comparisons

HIGHER = ERROR._replace(better="higher")
INF = math.inf


def test_the_target_lies_on_the_way_from_untrained_to_the_best_optimiser():
    runs = [[row([1.0, 0.5]), row([3.0, 0.3])], [row([2.0, 0.2]), row([2.0, None])], []]
    # Untrained 2.0; the first optimiser ends at 0.4 on average, the second at 1.1, as what diverged counts as 2.0.
    assert comparisons.target_value(ERROR, runs, 0.95) == pytest.approx(2.0 - 0.95 * 1.6)
    turned = [[{**r, "valid": [None if v is None else -v for v in r["valid"]]} for r in one] for one in runs]
    assert comparisons.target_value(HIGHER, turned, 0.95) == pytest.approx(-2.0 + 0.95 * 1.6)
    assert comparisons.target_value(ERROR, [[row([None, None])], *runs], 0.95) == pytest.approx(2.0 - 0.95 * 1.6)
    assert comparisons.target_value(ERROR, runs, 0.95, fixed=0.7) == 0.7


@pytest.mark.parametrize("runs", [[], [[]], [[row([1.0, None])]], [[row([1.0, 2.0])]], [[row([None, None])]]])
def test_there_is_no_target_where_nothing_is_learnt(runs):
    aim = comparisons.target_value(ERROR, runs, 0.95)
    assert math.isnan(aim)
    assert comparisons.steps_to(ERROR, row([1.0, 0.5]), aim) == INF


def test_steps_and_seconds_to_the_target():
    run = row([1.0, 0.6, None, 0.5, 0.7], seconds=4.0)  # 40 steps
    for aim, steps in [(0.5, 30), (0.6, 10), (0.49, INF), (1.0, 0)]:
        assert comparisons.steps_to(ERROR, run, aim) == steps
        assert comparisons.seconds_to(ERROR, run, aim) == pytest.approx(steps / 10)
    assert comparisons.steps_to(HIGHER, row([0.1, 0.6, 0.7]), 0.7) == 20
    for gone in (row([1.0, 0.1, None]), row([1.0, 0.1, 0.1], diverged=True)):  # past the target and lost
        assert comparisons.steps_to(ERROR, gone, 0.5) == comparisons.seconds_to(ERROR, gone, 0.5) == INF
    assert comparisons.resolution_of([run, {**run, "at": [0, 10, 20, 30, 45]}]) == 15


def test_pairs_are_compared_seed_by_seed():
    ours = [row([9.0, v], seed=s, test=v) for s, v in [(1, 0.2), (2, 0.5), (3, 0.4), (7, 0.0)]]
    theirs = [row([9.0, v], seed=s, test=v) for s, v in [(1, 0.3), (2, 0.4), (3, 0.4), (8, 0.0)]]
    found = comparisons.compare_paired(ERROR, ours, theirs)
    assert (found.better, found.seeds, found.difference.kind) == (1, 3, "range")
    assert found.difference[:3] == pytest.approx((0.0, -0.1, 0.1))
    assert comparisons.compare_paired(HIGHER, ours[:2], theirs[:1]).better == 0
    nothing = comparisons.compare_paired(ERROR, ours, [])
    assert (nothing.better, nothing.seeds) == (0, 0)
    assert math.isnan(nothing.difference.mean)
    lost = comparisons.compare_paired(ERROR, [*ours[:1], {**ours[1], "diverged": True}, *ours[2:]], theirs)
    assert (lost.difference.mean, lost.difference.kind, lost.better) == (0.0, "median", 1)  # of -0.1, inf and 0
    every = [{**r, "diverged": True} for r in ours]
    assert comparisons.compare_paired(ERROR, every, every).difference.mean == 0.0
    assert math.isnan(comparisons.compare_paired(ERROR, every, theirs).difference.mean)


def test_a_performance_profile_by_hand():
    costs = np.array([[10, 20, INF], [30, 10, 10], [INF, INF, INF], [0, 0, 5]])
    found = comparisons.ratios(costs)
    np.testing.assert_array_equal(found, [[1, 2, INF], [3, 1, 1], [INF] * 3, [1, 1, INF]])
    np.testing.assert_array_equal(comparisons.profile(found, [1, 2, 2.9, 3, 1e9]), np.array(
        [[2, 2, 1], [2, 3, 1], [2, 3, 1], [3, 3, 1], [3, 3, 1]]) / 4)  # fmt: skip
    near = comparisons.ratios(costs, [10, 10, 10, 5])  # an evaluation later is not told apart
    np.testing.assert_array_equal(near, [[1, 1, INF], [3, 1, 1], [INF] * 3, [1, 1, 1]])
