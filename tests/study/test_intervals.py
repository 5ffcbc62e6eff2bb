"""Intervals cover what they say, and identical optimisers are told apart as seldom as is said."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from jaxgen.study import intervals
from jaxgen.study.intervals import Interval


def test_few_seeds_have_a_range_then_students_interval():
    assert intervals.interval([1.0, 3.0]) == Interval(2.0, 1.0, 3.0, "range")
    values = [0.7, 0.9, 0.4, 0.8, 0.75]
    _, low, high, kind = intervals.interval(values)
    known = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (kind, low, high) == ("t", pytest.approx(known[0]), pytest.approx(known[1]))
    assert intervals.interval([0.7] * 5)[1:3] == pytest.approx((0.7, 0.7))
    for none in ([], [2.0], [1.0, math.nan] * 3):
        assert np.isnan(intervals.interval(none)[1:3]).all()


def test_many_seeds_have_the_bootstrap_of_scipy():
    values = np.random.default_rng(3).lognormal(size=400)
    _, low, high, kind = intervals.interval(values)
    known = stats.bootstrap([values], np.mean, method="BCa", rng=np.random.default_rng(1)).confidence_interval
    assert (kind, low, high) == ("BCa", pytest.approx(known.low, rel=0.01), pytest.approx(known.high, rel=0.01))
    assert intervals.interval([0.7] * 30)[1:3] == pytest.approx((0.7, 0.7))


def test_wilsons_interval_of_published_cases():
    """Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I."""
    for came_true, count, ends in ((81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))):
        assert intervals.wilson(came_true / count, count) == pytest.approx(ends, abs=5e-5)
    assert intervals.wilson(1.0, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)


@pytest.mark.ci
def test_the_bootstrap_of_5000_seeds_holds_little_at_once():
    tracemalloc.start()
    intervals.interval(np.arange(5000.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20  # all resamples at once: 381 MiB


def test_p_values_are_students_or_of_signs():
    one = np.array([0.3, -0.1, 0.4, 0.2, 0.25, math.nan])
    failed = np.array([-math.inf, -0.1, -0.4, -0.2, -0.25, math.nan])
    equal, too_few = np.full(6, 0.1), np.array([9.0, 9.1, 9.2, 9.3, math.nan, math.nan])
    p = intervals.p_values(np.stack([one, failed, equal, np.zeros(6), too_few]))
    assert p == pytest.approx([stats.ttest_1samp(one[:5], 0.0).pvalue, 2 / 2**5, 2 / 2**6, 1.0, math.nan], nan_ok=True)


def test_holms_steps_by_hand():
    p = np.array([0.01, 0.04, math.nan, 0.03, 0.005])
    np.testing.assert_allclose(intervals.holm(p), [0.03, 0.06, math.nan, 0.06, 0.02])


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20])
def test_normal_scores_are_covered_and_lognormal_ones_as_is_known(seeds):
    """2 to 19 seeds: Student's t, whatever is shown; 20: BCa. Of 10,000 and 2,000 studies."""
    draw = np.random.default_rng(seeds)
    ends, studies = (intervals.student, 10_000) if seeds < intervals.MANY else (intervals.bca, 2000)

    def covered(scores, mean):
        low, high = np.concatenate([ends(part) for part in np.array_split(scores, 10)], axis=1)
        return ((low <= mean) & (mean <= high)).mean()

    assert 0.93 <= covered(draw.normal(size=(studies, seeds)), 0.0) <= 0.97
    # Skewness 6: no interval of so few seeds knows of the tail. BCa 0.89 where Student's t has 0.86.
    least = {2: 0.88, 3: 0.82, 5: 0.81, 10: 0.83, 20: 0.88}[seeds]
    assert least <= covered(draw.lognormal(size=(studies, seeds)), math.exp(0.5)) <= 0.97


KINDS = {
    "normal": lambda draw, *shape: draw.normal(size=shape),
    "lognormal": lambda draw, *shape: draw.lognormal(size=shape),
    "counted": lambda draw, *shape: draw.normal(size=shape).round(),  # accuracies on few examples
    "seeds alike": lambda draw, s, k, n: draw.normal(size=(s, k, n)) + 3 * draw.normal(size=(s, 1, n)),
}


@pytest.mark.slow
@pytest.mark.parametrize("scores", KINDS)
@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20])
def test_six_identical_optimisers_are_told_apart_in_few_studies(scores, seeds):
    """`told_apart` is what the verdict says. Rivals of the best alone as a family would give 9 % (normal, 10 seeds)."""
    apart = intervals.told_apart(KINDS[scores](np.random.default_rng(seeds), 10_000, 6, seeds))
    assert apart.any((-1, -2)).mean() <= 0.06
    if seeds < intervals.FEWEST:
        assert not apart.any()


def test_what_differs_is_told_apart():
    values = np.random.default_rng(0).normal(size=(200, 6, 10))
    values[:, 0] -= 3.0
    apart = intervals.told_apart(values)
    assert (apart[:, 0, 1:] == -1).mean() > 0.95
    np.testing.assert_array_equal(apart, -apart.swapaxes(1, 2))
    values[:, 0, 0] = math.inf  # one failed run of ten: the other nine are not enough for the sign test
    assert not intervals.told_apart(values)[:, 0].any()
