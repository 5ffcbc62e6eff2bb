"""Races: a row for each contender, and none for what computes something else or is not installed."""

import math

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import racing
from benchmarks.contender import Contender, Loop

ABC = [Contender("a", None), Contender("b", None, ("peer",)), Contender("c", None, cases=("y",))]
LOOP = Loop("", "images_per_second", {"x": 0, "y": 0}, ABC, "network", {"against_b": "b", "against_c": "c"})


def raced(monkeypatch, speeds, peer=True, qualities=None):
    """Rows of LOOP, whose contenders have these speeds."""

    def fake(commands, rounds, seconds):
        assert (rounds, seconds) == (3, 2.0)
        assert all(command[:4] == ["-m", "benchmarks.serving", "name", label] for label, command in commands.items())
        assert {command[-1] for command in commands.values()} == {"2"}
        quality = lambda label: (qualities or {}).get(label, 5.0)
        return {label: [racing.Block(speed, quality(label)) for speed in speeds[label]] for label in commands}

    monkeypatch.setattr(racing, "race", fake)
    monkeypatch.setattr(racing, "have", lambda package: peer)
    return racing.measure("name", LOOP, 3)


def test_a_race_is_a_row_for_each_contender(monkeypatch):
    speeds = {"a": [3.0, 9.0, 6.0], "b": [1.0, 4.5, 4.0], "c": [1.0] * 3}
    for peer, labels in ((True, ["xa", "xb", "ya", "yb", "yc"]), (False, ["xa", "ya", "yc"])):
        rows = raced(monkeypatch, speeds, peer)
        assert [row["network"] + row["contender"] for row in rows] == labels
        assert (rows[0]["images_per_second"], rows[0]["quality"], rows[0]["blocks"]) == (6.0, 5.0, speeds["a"])
        assert [rows[0]["against_b"], rows[0]["against_c"], rows[-1]["against_c"]] == [2.0 if peer else None, None, 1.0]
        assert racing.absent(LOOP) == ([] if peer else ["b (peer)"])


def test_a_peer_that_computes_something_else_is_refused(monkeypatch):
    speeds = {"a": [4.0] * 3, "b": [8.0] * 3, "c": [1.0] * 3}
    rows = raced(monkeypatch, speeds, qualities={"b": 6.0, "c": 5.4})
    assert [row["equal"] for row in rows] == [True, False, True, False, True]
    assert [row["against_b"] for row in rows] == [None] * 5
    assert racing.refused(rows, LOOP) == "refused, as qualities differ from ours by more than 10%: x b: 6; y b: 6"
    assert racing.refused(rows[:1], LOOP) == ""
    assert not racing.alike(LOOP, 1.0, math.nan)
    assert racing.alike(LOOP._replace(within=math.inf), 1.0, math.nan)


def test_contenders_on_several_devices_have_their_number():
    several = Contender("fused, 2 host devices", None, devices=2)
    assert [several.named(n) for n in (1, 2, 4)] == ["", "fused, 2 host devices", "fused, 4 host devices"]
    assert ABC[0].named(4) == "a"


def test_a_race_that_ended_is_an_error(capsys):
    benchmarks.finish({"rows": {}}, None)
    with pytest.raises(SystemExit, match="1"):
        benchmarks.finish({"rows": {}}, None, ["vae has no rows, as PyTorch ended"])
    assert capsys.readouterr().err == "benchmarks: vae has no rows, as PyTorch ended\n"
