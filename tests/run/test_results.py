"""A picture that fails costs no report, and a report that fails no results."""

import json

import pytest
import worker

from jaxgen.core.types import Refused
from jaxgen.report import page
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.pictures import still
from jaxgen.run import cli, results


def fails(error):
    def render():
        raise error

    return render


def show(setting, result):
    yield Figure("layers", "", fails(TypeError("no such\nthing")))
    yield Figure("mistakes", "", fails(Refused("drawings need matplotlib")))
    yield Figure("confusion", "", fails(Refused("drawings need matplotlib")))
    yield still("kept", "a picture", [[0.0, 1.0]])
    yield Table("a table", ["x"], [[Cell("1")]])
    raise ZeroDivisionError("division by zero")


SENTENCES = [
    "not drawn: layers (TypeError: no such)",
    "not drawn: mistakes, confusion (drawings need matplotlib)",
    "not drawn: what was to follow (ZeroDivisionError: division by zero)",
]


def test_pictures_that_fail_are_told_of_and_the_others_are_there(tmp_path, capsys):
    pictures, (table,), sentences = results.shown(tmp_path, show(None, None))
    assert [(picture.path.name, table.caption) for picture in pictures] == [("kept.png", "a table")]
    assert sentences == SENTENCES
    assert capsys.readouterr().err == "".join(f"warning: {sentence}\n" for sentence in SENTENCES)


@pytest.mark.ci
def test_a_report_that_fails_costs_no_results(tmp_path, monkeypatch, capsys):
    run = lambda: cli.main(worker.EXPERIMENT._replace(show=show), [*worker.TINY, f"--workdir={tmp_path}"])
    assert run() == 0
    assert all(sentence in (tmp_path / "report.html").read_text() for sentence in SENTENCES)
    monkeypatch.setattr(page, "write", lambda *_: fails(KeyError("title"))())
    (tmp_path / "summary.json").unlink()
    capsys.readouterr()
    assert run() == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("worker: no report.html: KeyError: 'title'; the results")
    assert json.loads((tmp_path / "summary.json").read_text())["steps"] == 4
