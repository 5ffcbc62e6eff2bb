import csv
import io

import pytest
from study_rows import row

from jaxgen.core.types import Refused
from jaxgen.study import store


def test_rows_come_back(tmp_path):
    rows = [row([3.0, 2.0, None], rate=2.154e-4), row([3.0, 1.0, 0.1 + 0.2], seed=1)]
    store.append_rows(tmp_path, rows[:1])
    store.append_rows(tmp_path, rows[1:])
    assert store.read_rows(tmp_path) == rows
    assert store.run_key(rows[0]) != store.run_key(rows[1])


def test_no_file_is_no_rows(tmp_path):
    assert store.read_rows(tmp_path) == []


def test_a_torn_last_line_is_cut_off(tmp_path):
    store.append_rows(tmp_path, [row([1.0, 0.5])])
    whole = (tmp_path / store.NAME).read_bytes()
    (tmp_path / store.NAME).write_bytes(whole + whole[:40])
    assert len(store.read_rows(tmp_path)) == 1
    store.append_rows(tmp_path, [row([1.0, 0.5], seed=1)])
    assert [each["seed"] for each in store.read_rows(tmp_path)] == [0, 1]


@pytest.mark.parametrize("line", [b"{]\n", b"[]\n", b'{"task": "a"}\n', b"\xff\n"])
def test_other_damage_is_named(tmp_path, line):
    store.append_rows(tmp_path, [row([1.0, 0.5])])
    path = tmp_path / store.NAME
    path.write_bytes(line + path.read_bytes())
    with pytest.raises(Refused, match="damaged in line 1"):
        store.read_rows(tmp_path)


def test_tables(tmp_path):
    store.write_tables(tmp_path, [row([3.0, 2.0, None], phase="tuning"), row([3.0, 1.0, 0.5])])
    read = lambda name: list(csv.DictReader(io.StringIO((tmp_path / name).read_text())))
    trials, curves = read("trials.csv"), read("curves.csv")
    assert [(each["phase"], each["valid"], each["test"]) for each in trials] == [
        ("tuning", "", ""),
        ("final", "0.5", "0.5"),
    ]
    assert [(each["step"], each["valid"], each["train"]) for each in curves[3:]] == [
        ("0", "3.0", ""),
        ("10", "1.0", "1.0"),
        ("20", "0.5", "0.5"),
    ]
