import csv
import re
import sys

import numpy as np
import pytest
from study_rows import ACCURACY, study

from jaxgen.report.pictures import still
from jaxgen.study import reporting
from jaxgen.study.records import Study, build_records

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

RATES = [1e-3, 1e-2, 1e-1]
EVIL = '<script>alert("1")</script>'


def asked(*tasks):
    names = ["sgd", "adam"]
    return Study([r for task in tasks for r in study(task, names, RATES, 2, 1, 4)], tasks, names, "sgd")


def test_a_report_has_all_of_a_study(tmp_path):
    evil = ACCURACY._replace(name=EVIL, definition=EVIL)
    summary = {"device": {"platform": "cpu", "kind": "A processor", "count": 2}, "versions": {"jax": "0.1"}}
    told = asked(evil)
    background = reporting.Background({EVIL: "all at once"}, {EVIL: 3725.0}, summary, {"seeds": 2})
    more = [("More", iter([still("dots", "Of it.", np.zeros((2, 2)))]))]
    reporting.write_report(tmp_path, told, build_records(told), background, more, "A title")
    text = (tmp_path / "report.html").read_text()
    for part in (
        *(
            "A title",
            "is best on the validation split",
            "tuning runs",
            "all at once",
            "1 h 2 min",
            "More",
            "Of it.",
            "A processor",
        ),
        *("against sgd", "Holm", "<strong>", "<dt>seeds</dt>", "How it was measured"),
    ):
        assert part in text, part
    assert "<script" not in text
    assert "Headline metric" not in text  # the overview of a tour
    assert not re.search(r"url\(|@import|https?://", text)
    ours = ("curves_1", "sensitivity_1", "expenses_1")
    assert text.count("data:image/png;base64,") == 1 + len(ours)  # vectors lie beside the page
    files = {"dots.png", *(f"{name}.{kind}" for name in ours for kind in ("png", "svg"))}
    assert {file.name for file in (tmp_path / "figures").iterdir()} == files
    assert r"\begin{tabular}" in (tmp_path / "results.tex").read_text()
    with open(tmp_path / "results.csv") as file:
        assert [row["optimizer"] for row in csv.DictReader(file)] == ["sgd", "adam"]


def test_the_budget_counts_what_was_asked():
    told = asked(ACCURACY)
    final = told.rows[-1]
    strange = [{**told.rows[0], "optimizer": "lion"}, {**final, "optimizer": "lion"}, {**final, "seed": 99}]
    shown = reporting.budget(told._replace(rows=[*told.rows, *strange], seeds=[1, 2]))
    assert shown == reporting.budget(told)
    (row,) = shown.rows
    assert [cell.text for cell in row[:4]] == ["digits", "6", "4", "300"]  # 10 runs of 30 updates
    assert row[-1].text == "–"
    assert shown.columns[4:] == ["training, runs' shares", "side by side"]


def test_the_budget_says_what_all_took_where_that_is_known():
    other = ACCURACY._replace(name="other")
    shown = reporting.budget(asked(ACCURACY, other), reporting.Background(wall={"digits": 185.0}))
    column = shown.columns.index("time, all included")
    assert [row[column].text for row in shown.rows] == ["3 min 5 s", "–"]
    assert [row[-1].text for row in shown.rows] == ["–", "–"]


def test_pictures_that_fail_cost_no_report(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = asked(ACCURACY)
    _, task, _ = reporting.write_report(tmp_path, told, build_records(told))
    (sentence,) = task.missing
    assert re.fullmatch(r"not drawn: curves_1, .*\(.*jaxgen\[report\].*\)", sentence)
    assert "not drawn: curves_1" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "results.csv").exists()
