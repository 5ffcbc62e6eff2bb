import csv
import io
import math

import numpy as np
import pytest
from study_rows import ERROR, row

from jaxgen.study import records, store
from jaxgen.study.records import Study

OTHER = ERROR._replace(name="other")


def small():
    """Two optimisers, two rates, two tuning seeds, three final ones; adam is the better one at 0.1."""
    rows = [row([1.0, 0.5], o, rate, s, "tuning") for o in ("adam", "sgd") for rate in (0.1, 0.2) for s in (0, 1)]
    rows[0] = {**rows[0], "valid": [1.0, 0.3]}
    rows[3] = {**rows[3], "valid": [1.0, None], "diverged": True}
    rows[7] = {**rows[7], "valid": [1.0, 0.2]}
    rows += [row([1.0, 0.4, end], "adam", 0.1, s, seconds=0.02) for s, end in ((2, 0.2), (3, 0.1), (4, 0.3))]
    rows += [row([1.0, 0.8, end], "sgd", 0.2, s, seconds=0.01) for s, end in ((2, 0.3), (3, 0.2), (4, None))]
    return Study(rows, [ERROR, OTHER], ["adam", "sgd", "lion"], "sgd", 0.8, {"adam": 0.2, "sgd": 0.001})


def test_a_record_says_all_of_an_optimiser_on_a_task():
    adam, sgd, lion = records.build_records(small())[:3]
    assert (adam.task, adam.optimizer, adam.chosen.rate, adam.untrained) == (ERROR, "adam", 0.1, 1.0)
    assert [score.rate for score in adam.grid] == [0.1, 0.2]
    assert adam.default.mean == pytest.approx(0.75)  # 0.5, and 1.0 for the run that diverged
    assert sgd.default is None
    assert [r["seed"] for r in adam.finals] == [2, 3, 4]
    assert adam.judged.mean == adam.valid.mean == adam.standing == pytest.approx(0.2)
    assert (sgd.judged.mean, sgd.judged.kind, sgd.standing) == (pytest.approx(0.3), "median", pytest.approx(0.5))
    # The target is 0.8 of the way from 1.0 to adam's 0.2: 0.36, which adam reaches at 20 and sgd but twice.
    assert adam.target == sgd.target == pytest.approx(0.36)
    assert (adam.steps, adam.reached, sgd.steps, sgd.reached) == (20, 3, 20, 2)
    assert (adam.seconds, sgd.seconds, adam.step) == (pytest.approx(0.02), pytest.approx(0.01), pytest.approx(1e-3))
    assert adam.bytes == 76_000
    # Of sgd's runs the third is at its best, 0.8, before it diverges.
    assert (adam.best, adam.best_step) == (pytest.approx(0.2), 20)
    assert (sgd.best, sgd.best_step) == (pytest.approx((0.3 + 0.2 + 0.8) / 3), 20)
    assert adam.paired.difference.mean == pytest.approx(-0.1)  # the median: one of sgd's diverged
    assert (adam.resolution, lion.resolution) == (10, pytest.approx(math.nan, nan_ok=True))
    assert (adam.paired.better, adam.paired.seeds, sgd.paired.better) == (3, 3, 0)
    assert records.at_edge(adam)
    assert records.tuning_runs(adam) == (1, 4)
    assert (lion.chosen, lion.default, lion.finals, lion.reached) == (None, None, [], 0)
    assert all(math.isnan(x) for x in (lion.best, lion.steps, lion.step, lion.bytes, lion.judged.mean, lion.valid.low))


def test_tasks_do_not_mix():
    study = small()
    with_other = study._replace(rows=[*study.rows, *({**r, "task": "other", "valid": [9.0, 8.0]} for r in study.rows)])
    found, alone = records.build_records(with_other), records.build_records(study)
    assert [(r.task.name, r.optimizer) for r in found] == [
        (task, o) for task in ("toy", "other") for o in ("adam", "sgd", "lion")
    ]
    assert repr(found[:3]) == repr(alone[:3])
    assert found[3].untrained == 9.0
    assert alone[3].grid == []


def test_only_the_seeds_that_were_asked_for_count():
    # Of adam, six more seeds were once made that are far worse, of which two diverge; of lion, that is not shown, too.
    more = [
        row([1.0, 0.4, end], name, 0.1, s, test=9.0) for name in ("adam", "lion") for s, end in enumerate(6 * [0.9], 5)
    ]
    more[0] = {**more[0], "valid": [70.0, 0.1, None]}
    study = small()._replace(optimizers=["adam", "sgd"])
    wider = study._replace(rows=[*study.rows, *more], seeds=range(2, 5))
    assert repr(records.build_records(wider)) == repr(records.build_records(study))
    assert records.rows_that_count(wider) == records.rows_that_count(study) == study.rows
    assert [len(r.finals) for r in records.build_records(wider._replace(seeds=()))] == [9, 3, 0, 0]
    assert [len(r.finals) for r in records.build_records(wider._replace(seeds=[2]))][:2] == [1, 1]


def test_an_optimiser_that_does_not_use_its_rate_is_at_no_end():
    rows = [row([1.0, 0.2], "lbfgs", rate, 0, "tuning") for rate in (0.1, 0.2, 0.3)]
    (alike,) = records.build_records(Study(rows, [ERROR], ["lbfgs"], "lbfgs"))
    assert (alike.chosen.rate, records.at_edge(alike)) == (0.1, False)
    assert records.as_csv_row(alike, "")["at_end_of_grid"] is False


def test_flat_records_are_a_csv():
    study = small()
    rows = [records.as_csv_row(record, study.baseline) for record in records.build_records(study)[:3]]
    text = store.as_csv(rows, list(rows[0])).decode()
    adam, sgd, lion = csv.DictReader(io.StringIO(text))
    assert (adam["learning_rate"], adam["baseline"], adam["better_than_baseline"]) == ("0.1", "sgd", "3")
    assert (adam["tuning_diverged"], adam["tuning_runs"], sgd["final_diverged"]) == ("1", "4", "1")
    assert float(adam["difference_mean"]) == pytest.approx(-0.1)
    assert (sgd["judged_on"], sgd["judged_kind"], adam["steps_between_evaluations"]) == ("test", "median", "10.0")
    assert (lion["learning_rate"], lion["judged_mean"], lion["steps_to_target"], lion["final_runs"]) == (
        "",
        "",
        "",
        "0",
    )
    assert "nan" not in text.lower()
    never = records.as_csv_row(records.build_records(study._replace(share=1.0))[1], "sgd")
    assert never["steps_to_target"] == math.inf


def test_a_profile_counts_tasks_not_seeds():
    adam, sgd = records.build_records(small())[:2]
    slow, never = sgd._replace(steps=60.0), sgd._replace(steps=math.inf)
    without = sgd._replace(finals=[], steps=math.nan, resolution=math.nan)
    found = records.solved([[adam, sgd], [adam, slow], [never, adam], [adam, without]])
    np.testing.assert_array_equal(found, [[1, 1], [1, 3], [math.inf, 1], [1, math.inf]])
