import math

import pytest
from study_rows import ACCURACY, ERROR, row

from jaxgen.study import statistics
from jaxgen.study.intervals import Interval


def tuning(values, rate, optimizer="adam", **changes):
    return [row([1.0, v], optimizer, rate, seed, "tuning", **changes) for seed, v in enumerate(values)]


@pytest.mark.parametrize(
    ("run", "value", "judged"),
    [
        (row([1.0, 0.1, 0.4], test=0.5), 0.4, 0.5),
        (row([1.0, 0.1, None], test=0.5), 1.0, None),
        (row([1.0, 0.1, 0.4], diverged=True, test=0.5), 1.0, None),
        (row([1.0, 0.1, math.inf], test=0.5), 1.0, None),  # what json reads of Infinity
        (row([1.0, 0.1, 900.0], test=905.0), 1.0, None),  # exploding softly is no better than diverging
        (row([1.0, 0.4], test=None), 0.4, None),
        (row([None, None]), None, None),
    ],
)
def test_a_run_is_worth_its_last_objective_or_where_it_began_and_is_judged_by_no_stand_in(run, value, judged):
    known = lambda x: None if math.isnan(x) else x
    assert known(statistics.final_value(ERROR, run)) == value
    assert known(statistics.judged_value(ERROR, run)) == judged
    assert statistics.split_name(ERROR) == "test"


def test_without_a_test_split_validation_judges_under_its_name():
    task = ERROR._replace(judged="valid")
    assert statistics.judged_value(task, row([1.0, 0.4], test=None)) == 0.4
    assert statistics.split_name(task) == "validation"


@pytest.mark.parametrize(("task", "sign"), [(ERROR, 1), (ACCURACY, -1)])
def test_where_runs_fail_medians_stand_for_means(task, sign):
    lost, values = math.nan, [0.2, 0.3, 0.4]
    assert statistics.summary(task, values) == Interval(pytest.approx(0.3), 0.2, 0.4, "range")
    worst = statistics.summary(task, [*values, lost])
    assert (worst.mean, worst.kind) == (pytest.approx(0.35 if sign > 0 else 0.25), "median")
    assert math.isnan(statistics.summary(task, [0.2, 0.3, lost, lost]).mean)  # half of them


def test_the_winner_has_the_best_mean():
    rows = [*tuning([0.3, 0.5], 0.1), *tuning([0.1, 0.6], 0.2), *tuning([0.2, 0.9], 0.3)]
    rows += [*tuning([0.0], 0.9, "sgd"), row([1.0, 0.0], rate=0.5), *tuning([0.0], 0.7, task="other")]
    assert statistics.winner(ERROR, rows, "adam") == 0.2
    assert statistics.winner(ERROR, list(reversed(rows)), "adam") == 0.2
    rising = [*tuning([1.3, 1.5], 0.1), *tuning([1.2, 1.9], 0.3)]
    assert statistics.winner(ERROR._replace(better="higher"), rising, "adam") == 0.3
    with pytest.raises(ValueError, match="no tuning runs of lion on toy"):
        statistics.winner(ERROR, rows, "lion")


def test_a_rate_at_which_most_runs_diverge_does_not_win():
    """Nor does an end at 1.01, worse than untrained, lose against three that diverged and count as 1."""
    gone = tuning([None, None, 0.0], 0.3)
    assert statistics.winner(ERROR, [*gone, *tuning([0.99] * 3, 0.1)], "adam") == 0.1
    assert statistics.winner(ERROR, [*tuning([None] * 3, 0.3), *tuning([1.01] * 3, 0.5)], "adam") == 0.5
    assert statistics.winner(ERROR, [*tuning([None] * 3, 0.5), *gone], "adam") == 0.3  # there is no other
    never = [row([None, None], rate=0.01, phase="tuning")]
    for task in (ERROR, ERROR._replace(better="higher")):
        assert statistics.winner(task, [*never, *tuning([1.0], 0.1)], "adam") == 0.1
    assert statistics.winner(ERROR, never, "adam") == 0.01


def test_of_equal_scores_the_one_that_diverged_less_wins_then_the_fastest_then_the_lowest():
    half = [*tuning([0.5], 0.3), *tuning([None], 0.3)]  # the second counts as 1.0
    assert statistics.winner(ERROR, [*tuning([0.75, 0.75], 0.9), *half], "adam") == 0.9
    slow, fast = (
        [row(valid, rate=rate, phase="tuning")] for valid, rate in (([1.0, 0.4, 0.2], 0.1), ([1.0, 0.2, 0.2], 0.5))
    )
    assert statistics.winner(ERROR, [*slow, *fast, *tuning([0.3], 0.01)], "adam") == 0.5
    assert statistics.winner(ERROR, [*tuning([0.75], 0.9), *tuning([0.75], 0.8)], "adam") == 0.8


def test_scores_say_how_sure_they_are_and_what_diverged():
    rows = [*tuning([0.2, 0.4], 0.3), *tuning([0.1, 0.2, 0.3, None], 0.1), *tuning([0.1, 0.2, 0.3, 0.2, 0.2], 0.01)]
    sure, some, few = statistics.scores(ERROR, rows, "adam")
    assert few[:8] == (0.3, pytest.approx(0.3), 0.2, 0.4, "range", 2, 0.0, pytest.approx(0.3))
    assert some[:8] == (0.1, pytest.approx(0.4), 0.1, 1.0, "range", 4, 0.25, pytest.approx(0.25))
    assert (sure.kind, sure.low) == ("t", pytest.approx(0.2 - 2.776 * 0.0316, abs=1e-3))


def test_ends_of_the_grid_and_default_rates_are_found():
    found = statistics.scores(ERROR, [r for rate in (0.001, 0.01, 0.1) for r in tuning([0.5], rate)], "adam")
    found[1] = found[1]._replace(mean=0.4)
    assert [statistics.end_of_grid(found, score.rate) for score in found] == ["low", "", "high"]
    assert statistics.end_of_grid(found[:1], 0.001) == ""
    assert statistics.score_at(found, 0.01005).rate == 0.01
    assert statistics.score_at(found, 0.0102) is None
    # There is no end for those that do not use the rate; where all diverged, a smaller one may not.
    alike = [r for n, rate in enumerate((0.001, 0.01, 0.1)) for r in tuning([0.5 + 1e-9 * n, None], rate)]
    assert statistics.end_of_grid(statistics.scores(ERROR, alike, "adam"), 0.001) == ""
    gone = [r for rate in (0.1, 1.0) for r in tuning([None, None], rate)]
    assert statistics.end_of_grid(statistics.scores(ERROR, gone, "adam"), 0.1) == "low"


def test_finals_are_those_at_the_best_rate_one_a_seed():
    rows = [*tuning([0.5], 0.1), *tuning([0.4], 0.2)]
    rows += [row([1.0, 0.3], rate=0.2, seed=s) for s in (9, 7, 8, 7)] + [row([1.0, 0.0], rate=0.1, seed=7)]
    found = statistics.final_rows(ERROR, rows, "adam")
    assert [(r["seed"], r["learning_rate"]) for r in found] == [(7, 0.2), (8, 0.2), (9, 0.2)]
    untuned = statistics.final_rows(ERROR, [row([1.0, 0.3], seed=s) for s in (2, 1)], "adam")
    assert [r["seed"] for r in untuned] == [1, 2]
    assert statistics.final_rows(ACCURACY, rows, "adam") == []
