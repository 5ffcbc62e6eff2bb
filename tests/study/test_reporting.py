import csv
import re
import sys

import pytest
from study_rows import ACCURACY, study

from jaxgen.core.report import Chapter
from jaxgen.core.types import Refused
from jaxgen.study import reporting
from jaxgen.study.records import Study

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
    more = [Chapter("More", "Of it.")]
    path = reporting.write(tmp_path, asked(evil), "A title", {EVIL: "all at once"}, summary, {"seeds": 2}, more)
    text = path.read_text()
    assert path == tmp_path / "report.html"
    for part in (
        *("A title", "is best on the validation split", "tuning runs", "all at once", "More", "Of it.", "A processor"),
        *("against sgd", "percentiles of the bootstrap", "<strong>", "<dt>seeds</dt>", "How it was measured"),
    ):
        assert part in text, part
    assert "<script" not in text
    assert "Headline metric" not in text  # the overview of a tour
    assert not re.search(r"url\(|@import|https?://", text)
    figures = {"performance.png", "curves_1.png", "sensitivity_1.png", "expenses_1.png"}
    assert text.count("data:image/png;base64,") == len(figures)
    assert {file.name for file in (tmp_path / "figures").iterdir()} == figures
    with open(tmp_path / "results.csv") as file:
        assert [row["optimizer"] for row in csv.DictReader(file)] == ["sgd", "adam"]


def test_the_budget_counts_what_was_asked():
    told = asked(ACCURACY)
    strange = {**told.rows[0], "optimizer": "lion"}
    shown = reporting.budget(told._replace(rows=[*told.rows, strange]), {})
    (row,) = shown.rows
    assert [cell.text for cell in row[:4]] == ["digits", "6", "4", "300"]  # 10 runs of 30 updates
    assert row[-1].text == "–"


def test_without_matplotlib_the_numbers_are_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Refused, match=r"jaxgen\[report\]"):
        reporting.write(tmp_path, asked(ACCURACY))
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]
