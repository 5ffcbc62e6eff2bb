import math

import numpy as np
import pytest
from study_rows import ACCURACY, ERROR, row

from jaxgen.study import statistics
from jaxgen.study.statistics import Interval


def tuning(values, rate, optimizer="adam", **changes):
    return [row([1.0, v], optimizer, rate, seed, "tuning", **changes) for seed, v in enumerate(values)]


def test_a_run_is_worth_its_last_objective_or_where_it_began():
    assert statistics.final_value(row([1.0, 0.1, 0.4])) == 0.4
    assert statistics.final_value(row([1.0, 0.1, None])) == 1.0
    assert statistics.final_value(row([1.0, 0.1, 0.4], diverged=True)) == 1.0
    assert statistics.final_value(row([1.0, 0.1, math.inf])) == 1.0  # what json reads of Infinity
    assert math.isnan(statistics.final_value(row([None, None])))
    assert [statistics.lost(row([1.0, v])) for v in (0.4, None, math.nan)] == [False, True, True]


def test_a_test_value_counts_the_same_way():
    assert statistics.tested_value(row([1.0, 0.4], test=0.5)) == 0.5
    assert statistics.tested_value(row([1.0, 0.4], test=None)) == 1.0
    assert statistics.tested_value(row([1.0, 0.4], test=0.5, diverged=True)) == 1.0
    assert statistics.tested_value(row([1.0, None], test=0.5)) == 1.0


def test_the_winner_has_the_best_mean():
    rows = [*tuning([0.3, 0.5], 0.1), *tuning([0.1, 0.6], 0.2), *tuning([0.2, 0.9], 0.3)]
    rows += [*tuning([0.0], 0.9, "sgd"), row([1.0, 0.0], rate=0.5), *tuning([0.0], 0.7, task="other")]
    assert statistics.winner(ERROR, rows, "adam") == 0.2
    assert statistics.winner(ERROR._replace(better="higher"), rows, "adam") == 0.3
    assert statistics.winner(ERROR, list(reversed(rows)), "adam") == 0.2
    with pytest.raises(ValueError, match="no tuning runs of lion on toy"):
        statistics.winner(ERROR, rows, "lion")


def test_of_equal_scores_the_one_that_diverged_less_wins_then_the_smaller_rate():
    half = [*tuning([0.5], 0.3), *tuning([None], 0.3)]  # the second counts as 1.0
    assert statistics.winner(ERROR, [*tuning([0.75, 0.75], 0.9), *half], "adam") == 0.9
    assert statistics.winner(ERROR, [*tuning([0.75], 0.9), *tuning([0.75], 0.8)], "adam") == 0.8
    assert statistics.winner(ERROR, [*tuning([None], 0.9), *tuning([None], 0.8)], "adam") == 0.8


def test_a_rate_at_which_nothing_is_finite_never_wins():
    never = [row([None, None], rate=0.01, phase="tuning")]
    for better in ("lower", "higher"):
        task = ERROR._replace(better=better)
        assert statistics.winner(task, [*never, *tuning([5.0], 0.1)], "adam") == 0.1
    assert statistics.winner(ERROR, never, "adam") == 0.01


def test_scores_say_how_sure_they_are_and_what_diverged():
    rows = [*tuning([0.2, 0.4], 0.3), *tuning([0.1, 0.2, 0.3, None], 0.1)]
    few, many = statistics.scores(ERROR, rows, "adam")[::-1]
    assert (few.rate, few.low, few.high, few.runs, few.diverged) == (0.3, 0.2, 0.4, 2, 0.0)
    assert (many.rate, many.runs, many.diverged) == (0.1, 4, 0.25)
    assert few.mean == pytest.approx(0.3)
    assert many.mean == pytest.approx(1.6 / 4)
    assert 0.1 < many.low < 0.4 < many.high < 1.0


def test_ends_of_the_grid_and_default_rates_are_found():
    found = statistics.scores(ERROR, [r for rate in (0.001, 0.01, 0.1) for r in tuning([0.5], rate)], "adam")
    found[1] = found[1]._replace(mean=0.4)
    assert [statistics.end_of_grid(found, score.rate) for score in found] == ["low", "", "high"]
    assert statistics.end_of_grid(found[:1], 0.001) == ""
    assert statistics.score_at(found, 0.01005).rate == 0.01
    assert statistics.score_at(found, 0.0102) is None


def test_the_grid_has_no_end_for_those_that_do_not_use_the_rate():
    alike = [r for n, rate in enumerate((0.001, 0.01, 0.1)) for r in tuning([0.5 + 1e-9 * n, None], rate)]
    assert statistics.end_of_grid(statistics.scores(ERROR, alike, "adam"), 0.001) == ""
    gone = [r for rate in (0.1, 1.0) for r in tuning([None, None], rate)]  # a smaller one may not diverge
    assert statistics.end_of_grid(statistics.scores(ERROR, gone, "adam"), 0.1) == "low"


def test_finals_are_those_at_the_best_rate_one_a_seed():
    rows = [*tuning([0.5], 0.1), *tuning([0.4], 0.2)]
    rows += [row([1.0, 0.3], rate=0.2, seed=s) for s in (9, 7, 8, 7)] + [row([1.0, 0.0], rate=0.1, seed=7)]
    found = statistics.final_rows(ERROR, rows, "adam")
    assert [(r["seed"], r["learning_rate"]) for r in found] == [(7, 0.2), (8, 0.2), (9, 0.2)]
    untuned = statistics.final_rows(ERROR, [row([1.0, 0.3], seed=s) for s in (2, 1)], "adam")
    assert [r["seed"] for r in untuned] == [1, 2]
    assert statistics.final_rows(ACCURACY, rows, "adam") == []


@pytest.mark.parametrize("count", [20, 200])
def test_the_bootstrap_of_many_seeds_is_the_normal_interval(count):
    values = np.random.default_rng(3).normal(5.0, 2.0, count)
    mean, low, high = statistics.bootstrap(values)
    half = 1.96 * values.std() / math.sqrt(count)
    assert mean == pytest.approx(values.mean(), rel=1e-12)
    np.testing.assert_allclose([low, high], [mean - half, mean + half], atol=0.06 * half)


def test_the_bootstrap_of_two_seeds_is_known():
    # A resample is {a, a}, {a, b} or {b, b} with odds 1 : 2 : 1, so that 2.5 % lies at the ends themselves.
    assert statistics.bootstrap([1.0, 3.0]) == Interval(2.0, 1.0, 3.0)
    # Of seven 0 and one 1, the 1 is drawn k times with odds of Binomial(8, 1/8): P(k <= 2) = 0.926, P(k <= 3) = 0.986.
    assert statistics.bootstrap([0.0] * 7 + [1.0])[1:] == (0.0, 3 / 8)


def test_an_interval_needs_two_seeds_and_numbers():
    for values in ([], [2.0], [1.0, math.nan]):
        mean, low, high = statistics.bootstrap(values)
        assert math.isnan(low)
        assert math.isnan(high)
        assert mean == 2.0 if values == [2.0] else math.isnan(mean)
    assert statistics.bootstrap([0.7] * 5)[1:] == pytest.approx((0.7, 0.7))


def test_the_bootstrap_draws_the_same_in_every_process():
    first = statistics.bootstrap([1.0, 5.0, 2.5, 8.125])
    statistics._shares.cache_clear()
    assert statistics.bootstrap([1.0, 5.0, 2.5, 8.125]) == first
