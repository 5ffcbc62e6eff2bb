import numpy as np
import pytest
from study_rows import ACCURACY, ERROR, row

from jaxgen.study import records, reporting, table, verdict
from jaxgen.study.records import Study


def study(runs, task=ERROR, baseline="sgd", tuning=(), **changes):
    """Final runs with those ends on seeds 0, 1, ... of each optimiser."""
    rows = [
        row([9.0 if task.better == "lower" else 0.1, end], name, 0.1, seed, task=task.name)
        for name, ends in runs.items()
        for seed, end in enumerate(ends)
    ]
    return Study([*rows, *tuning], [task], [*runs], baseline, **changes)


def said(*args, **kwargs):
    asked = study(*args, **kwargs)
    (text,) = reporting.sentences(asked, records.build_records(asked))
    return text


SEEDS = np.array([0.0, 0.02, -0.01, 0.03, 0.01, -0.02])


def test_the_best_is_named_with_how_sure_that_is():
    text = said({"sgd": 0.6 + SEEDS, "adam": 0.3 + SEEDS[::-1], "lion": 0.305 + SEEDS})
    assert text == (
        "toy: adam is best on the validation split; its test error is 0.305 (95 % interval 0.285 to 0.325, mean of 6 "
        "seeds). Against sgd that is −0.300 (95 % interval −0.330 to −0.270, better in 6 of 6 seeds). Beyond chance, "
        "seed by seed, it is better than sgd. Seed by seed it cannot be told from lion. The target, 0.740, is reached "
        "first by sgd, adam and lion, after 10 updates, looked for every 10."
    )


def test_of_few_seeds_the_range_is_shown_and_nothing_is_claimed():
    text = said({"sgd": [0.5, 0.6, 0.7], "adam": [0.2, 0.3, 0.4]})
    assert "its test error is 0.30 (range 0.20 to 0.40, mean of 3 seeds). Against sgd that is −0.30 (range" in text
    assert "3 seeds say nothing about chance: optimisers are told apart from 5 on." in text
    assert "interval" not in text
    alone = said({"sgd": [0.2], "adam": [0.5]})
    assert "0.2000 (one seed). One seed says nothing about chance" in alone
    assert "Against" not in alone


def test_accuracies_differ_in_points():
    text = said({"sgd": 0.9 + 0.1 * SEEDS, "adam": 0.95 + 0.1 * SEEDS}, ACCURACY)
    assert "test accuracy is 95.05 % (95 % interval 94.85 to 95.25, mean of 6 seeds)" in text
    assert "Against sgd that is +5.00 points (95 % interval +5.00 to +5.00, better in 6 of 6 seeds)" in text


@pytest.mark.parametrize("task", [ERROR, ACCURACY])
def test_who_is_better_on_the_test_split_is_named(task):
    turn = (lambda x: 1 - x) if task is ACCURACY else lambda x: x
    asked = study({name: turn(end + 0 * SEEDS) for name, end in (("sgd", 0.3), ("adam", 0.2), ("lion", 0.25))}, task)
    tests = {"sgd": 0.3 + SEEDS, "adam": 0.5 + SEEDS[::-1], "lion": 0.5 + 20 * SEEDS}
    rows = [{**r, "test": turn(tests[r["optimizer"]][r["seed"]])} for r in asked.rows]
    told = asked._replace(rows=rows)
    (text,) = reporting.sentences(told, records.build_records(told))
    assert "adam is best on the validation split" in text
    assert "On the test split sgd is better than it beyond chance" in text
    assert "cannot be told from lion." in text


def test_a_split_that_chose_is_called_what_it_is():
    asked = study({"sgd": 0.6 + SEEDS, "adam": 0.3 + SEEDS}, ERROR._replace(judged="valid"))
    asked = asked._replace(rows=[{**r, "test": None} for r in asked.rows])
    (panel,) = reporting.by_task(asked, records.build_records(asked))
    shown, text = table.task_table(panel, "sgd"), verdict.task_paragraph(panel, asked)
    assert "validation split, the one that chose it: there is no test split; its validation error is 0.305" in text
    assert shown.columns.count("validation") == 1
    flat = str(records.as_csv_row(panel[0], "sgd"))
    assert "'judged_on': 'valid'" in flat
    told = text + table.as_text(shown) + flat + str(verdict.column_notes(asked))
    assert "test" not in told.replace("no test split", "").replace("tests", "").replace("sign test", "")


def test_diverged_runs_and_ends_of_the_grid_are_cautions():
    tuning = [row([9.0, end], "adam", rate, 9, "tuning") for rate, end in ((0.1, 0.2), (0.3, 0.5))]
    text = said({"adam": [0.2, 0.3], "sgd": [0.5, None]}, tuning=tuning)
    assert "adam at learning rate 0.1 is best" in text
    assert "The best rate of adam is at an end of the grid" in text
    assert text.endswith("Final runs diverged: sgd in 1 of 2.")
    some = said({"adam": [None, *(0.2 + SEEDS)], "sgd": [5.0, *(4.0 + SEEDS)]})  # counted as 9, adam is still the best
    assert "its test error is 0.21 (median of 7 seeds). Against sgd that is −3.80 in the median (better in 6" in some
    most = said({"adam": [None] * 4 + [0.2] * 3, "sgd": [8.0] * 7})
    assert most.startswith("toy: sgd is best")


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({"adam": [], "sgd": []}, "toy: there are no final runs yet."),
        (
            {"adam": [None], "sgd": [9.5]},
            "toy: no optimiser ends better than the untrained network. Final runs diverged",
        ),
    ],
)
def test_nothing_learnt_is_said(runs, expected):
    assert said(runs).startswith(expected)
    assert said(runs, targets={"toy": 0.5}).startswith(expected)


def test_one_interval_makes_no_winner_and_the_target_may_be_fixed():
    ends = {"sgd": [0.5, 0.1, 0.1, 0.1], "adam": [0.4, 0.3, 0.3, 0.2], "lion": [0.6, 0.5, 0.4, 0.2]}
    rows = [row([9.0, *valid], name, seed=s) for name, valid in ends.items() for s in (0, 1)]
    asked = Study(rows, [ERROR], [*ends], "sgd", targets={"toy": 0.45})
    (panel,) = reporting.by_task(asked, records.build_records(asked))
    text = verdict.task_paragraph(panel, asked)
    assert "is reached first by sgd and adam, after 10 to 20 updates, looked for every 10." in text
    shown = table.task_table(panel, "sgd")
    for heading in ("steps", "time"):
        column = shown.columns.index(heading)
        assert [line[column].strong for line in shown.rows] == [True, True, False]


def test_several_tasks_have_a_sentence_on_all():
    one = study({"adam": [0.2, 0.2, 0.2], "sgd": [0.2, None, None]})
    other = ERROR._replace(name="other")
    both = one._replace(rows=[*one.rows, *({**r, "task": "other"} for r in one.rows)], tasks=[ERROR, other])
    first, second, every = reporting.sentences(both, records.build_records(both))
    assert (first[:5], second[:7]) == ("toy: ", "other: ")
    assert every == (
        "Of 2 tasks, adam needs the fewest updates to the target, in the median over seeds, most often: in 2. "
        "Not always there: sgd (0)."
    )
    nothing = study({"adam": [None], "sgd": [None]})
    assert verdict.overall_paragraph(reporting.by_task(nothing, records.build_records(nothing))) == ""


def test_every_column_is_defined():
    asked = study({"adam": [0.2], "sgd": [0.3]}, baseline="adam", share=0.9)
    meant = verdict.column_notes(asked)
    assert "90 % of the way" in meant["steps, time"]
    shown = table.task_table(records.build_records(asked), "adam")
    known = {name for names in meant for name in names.split(", ")}
    assert set(shown.columns) - known == {"optimiser"}
    assert "training, runs' shares" in {*meant} & {*reporting.budget(asked).columns}
    starts = verdict.column_notes(asked._replace(tasks=[ERROR._replace(metric="excess")]))
    assert starts.keys() - meant.keys() == {"seed"}
