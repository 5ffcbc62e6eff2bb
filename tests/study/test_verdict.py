import pytest
from study_rows import ACCURACY, ERROR, row

from jaxgen.study import records, reporting, verdict
from jaxgen.study.records import Study


def study(runs, task=ERROR, baseline="sgd", tuning=()):
    """Final runs with those ends on seeds 0, 1, ... of each optimiser."""
    rows = [
        row([9.0 if task is ERROR else 0.1, end], name, 0.1, seed, task=task.name)
        for name, ends in runs.items()
        for seed, end in enumerate(ends)
    ]
    return Study([*rows, *tuning], [task], [*runs], baseline)


def said(*args, **kwargs):
    asked = study(*args, **kwargs)
    (text,) = reporting.sentences(asked, records.build_records(asked))
    return text


def test_the_best_is_named_with_how_sure_that_is():
    text = said({"sgd": [0.5, 0.6, 0.7], "adam": [0.2, 0.3, 0.4]})
    assert (
        "toy: adam is best on the validation split; its test error is 0.30 (bootstrap 95 % interval "
        "0.20 to 0.40, mean of 3 seeds)."
    ) in text
    assert "Against sgd that is −0.30 (bootstrap 95 % interval −0.30 to −0.30), better in 3 of 3 seeds." in text
    assert "cannot be told" not in text
    assert "The target, 0.74, is reached first by sgd and adam, after 10 updates." in text


def test_what_cannot_be_told_apart_is_said():
    text = said({"adam": [0.2, 0.4, 0.3], "sgd": [0.25, 0.38, 0.4], "lion": [0.7, 0.8, 0.9]}, baseline="lion")
    assert "Seed by seed it cannot be told from sgd." in text


def test_accuracies_differ_in_points():
    text = said({"sgd": [0.9, 0.91], "adam": [0.95, 0.97]}, ACCURACY)
    assert "digits: adam is best" in text
    assert "96.00 % (bootstrap 95 % interval 95.00 to 97.00, mean of 2 seeds)" in text
    assert "Against sgd that is +5.50 points (bootstrap 95 % interval +5.00 to +6.00), better in 2 of 2 seeds." in text


def test_the_baseline_may_be_the_best_and_one_seed_has_no_interval():
    text = said({"sgd": [0.2], "adam": [0.5]})
    assert "toy: sgd is best" in text
    assert "0.2000 (one seed)." in text
    assert "Against" not in text
    assert "Seed by seed it cannot be told from adam. One seed says nothing about chance." in text


@pytest.mark.parametrize("task", [ERROR, ACCURACY])
def test_who_is_better_on_the_test_split_is_named(task):
    turn = (lambda x: 1 - x) if task is ACCURACY else lambda x: x
    asked = study({name: [turn(end)] * 3 for name, end in (("sgd", 0.3), ("adam", 0.2), ("lion", 0.25))}, task)
    tests = {"sgd": [0.35, 0.45, 0.55], "adam": [0.4, 0.5, 0.6], "lion": [0.3, 0.4, 0.75]}
    rows = [{**r, "test": turn(tests[r["optimizer"]][r["seed"]])} for r in asked.rows]
    told = asked._replace(rows=rows)
    (text,) = reporting.sentences(told, records.build_records(told))
    assert "adam is best on the validation split" in text
    size = "5.00 points (bootstrap 95 % interval 5.00 to 5.00)" if task is ACCURACY else "0.05"
    assert f"On the test split sgd is better, by {size}" in text
    assert "Seed by seed it cannot be told from lion." in text
    assert "lion is better" not in text
    assert "One seed" not in text


def test_ends_of_the_grid_and_diverged_runs_are_cautions():
    tuning = [row([9.0, end], "adam", rate, 9, "tuning") for rate, end in ((0.1, 0.2), (0.3, 0.5))]
    text = said({"adam": [0.2, 0.3], "sgd": [0.5, None]}, tuning=tuning)
    assert "adam at learning rate 0.1 is best" in text
    assert "The best rate of adam is at an end of the grid" in text
    assert text.endswith("Final runs diverged: sgd in 1 of 2.")


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


def test_several_tasks_have_a_sentence_on_all():
    one = study({"adam": [0.2, 0.2], "sgd": [0.2, None]})
    other = ERROR._replace(name="other")
    both = one._replace(rows=[*one.rows, *({**r, "task": "other"} for r in one.rows)], tasks=[ERROR, other])
    first, second, every = reporting.sentences(both, records.build_records(both))
    assert first.startswith("toy: ")
    assert second.startswith("other: ")
    assert every == (
        "Of 4 problems, each a task with a seed, adam needs the fewest updates to the target most often: in 100 %, "
        "ties counted. Not always there: sgd (50 %)."
    )
    assert len(reporting.sentences(one, records.build_records(one))) == 1
    nothing = study({"adam": [None], "sgd": [None]})
    assert verdict.overall_paragraph(reporting.by_task(nothing, records.build_records(nothing))) == ""


def test_every_column_is_defined():
    asked = study({"adam": [0.2], "sgd": [0.3]}, baseline="adam")._replace(share=0.9)
    meant = verdict.column_notes(asked)
    assert "90 % of the way" in meant["steps, time"]
    from jaxgen.study import table

    shown = table.task_table(records.build_records(asked), "adam")
    known = {name for names in meant for name in names.split(", ")}
    assert set(shown.columns) - known == {"optimiser"}
    assert "training, runs' shares" in {*meant} & {*reporting.budget(asked).columns}


def test_definitions_say_what_the_numbers_do_not():
    asked = study({"adam": [0.2]})
    meant = verdict.column_notes(asked)
    assert "stays finite counts with what it ended at, however bad" in meant["value"]
    assert "too narrow" in meant[verdict.INTERVAL]
    assert "not corrected for their number" in meant[verdict.INTERVAL]
    assert "does not reach it" in meant["steps, time"]
    assert "without compilation and validations" in meant["µs a step"]
    starts = verdict.column_notes(asked._replace(tasks=[ERROR._replace(metric="excess")]))
    assert {name: starts[name] for name in starts.keys() - meant.keys()} == {
        "seed": "seeds of a surface differ in the start; its intervals are over starts."
    }
