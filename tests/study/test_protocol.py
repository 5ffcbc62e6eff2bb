"""What a study runs, and that it runs nothing twice."""

import pytest
import study_toys
from study_toys import TIMES

from jaxgen.core.types import Refused
from jaxgen.study import execution, protocol, store, timing
from jaxgen.study.protocol import Entrant, Protocol, run_study

RATES, PROTOCOL = (0.001, 0.01, 0.1), Protocol(2, 3)


@pytest.fixture
def trained(monkeypatch):
    """How many runs each part of a study trained; instead of training, a rate of 0.01 or 1 is good."""
    return study_toys.pretend(monkeypatch)[0]


def go(place, protocol=PROTOCOL, optimizers=("sgd",), mode="auto", rates=RATES):
    said, updates = [], []
    problem = study_toys.problem()
    entrants = [Entrant(name, rates) for name in optimizers]
    run_study(place, problem, study_toys.TASK, entrants, protocol, mode, said.append, updates.append)
    return store.read_rows(place), said, sum(updates)


def runs(rows, phase):
    return [(row["learning_rate"], row["seed"]) for row in rows if row["phase"] == phase]


def test_tuning_seeds_choose_fresh_ones_judge_and_nothing_is_run_twice(tmp_path, trained):
    before, said, updates = go(tmp_path)
    assert runs(before, "tuning") == [(rate, seed) for rate in (0.001, 0.01, 0.1) for seed in (0, 1)]
    assert runs(before, "final") == [(0.01, seed) for seed in (2, 3, 4)]
    assert updates == 9 * study_toys.STEPS
    assert said[-1] == "toy  sgd: best learning rate 0.01"
    trained.clear()
    after, _, updates = go(tmp_path)
    assert (after, trained, updates) == (before, [], 0)
    more, _, updates = go(tmp_path, PROTOCOL._replace(seeds=4), ("sgd", "adam"))
    assert updates == (1 + 6 + 4) * study_toys.STEPS
    assert len(more) == 9 + 1 + 10


@pytest.mark.parametrize("lines", [0, 6, 7])
def test_a_study_that_was_killed_trains_the_same_runs_side_by_side(lines, tmp_path, trained, monkeypatch):
    """Where width is the same, so are the bytes. Here copies fill the final runs up to the width of tuning."""
    whole, _, _ = go(tmp_path)
    assert trained == [6, 6]
    trained.clear()
    kept = (tmp_path / store.NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / store.NAME).write_bytes(b"".join(kept[:lines]) + kept[lines][:50])
    monkeypatch.setattr(timing, "fastest_mode", None)  # what was chosen is kept
    rows, _, _ = go(tmp_path)
    assert trained == {0: [6, 6], 6: [6], 7: [2]}[lines]
    assert sorted(map(store.run_key, rows)) == sorted(map(store.run_key, whole))


def test_the_mode_is_chosen_once_recorded_and_kept(tmp_path, trained, monkeypatch):
    rows, _, _ = go(tmp_path / "auto")
    entry = execution.read_execution(tmp_path / "auto")["toy"]
    assert (entry["mode"], entry["seconds_an_update"], {row["mode"] for row in rows}) == ("vmap", TIMES, {"vmap"})
    assert entry["seconds"] > 0
    monkeypatch.setattr(timing, "fastest_mode", None)
    (tmp_path / "auto" / execution.NAME).unlink()  # the runs themselves know
    rows, _, _ = go(tmp_path / "auto", optimizers=("adam",))
    assert {row["mode"] for row in rows} == {"vmap"}
    trained.clear()
    rows, _, _ = go(tmp_path / "named", PROTOCOL._replace(seeds=4), mode="map")  # nothing is timed
    assert ({row["mode"] for row in rows}, trained, len(rows)) == ({"map"}, [4, 4, 4], 6 + 4)


def test_an_end_of_the_grid_is_said_and_extended(tmp_path, trained):
    narrow, ends = Protocol(2, 1), (0.1, 1.0)
    _, said, _ = go(tmp_path, narrow, rates=ends)
    assert said[-1].endswith("best learning rate 0.1, at the low end of the grid")
    rows, said, _ = go(tmp_path, narrow._replace(extend=True), rates=ends)
    assert {rate for rate, _ in runs(rows, "tuning")} == {0.001, 0.01, 0.1, 1.0}
    assert said[-1] == "toy  sgd: best learning rate 0.01"
    rows, said, _ = go(tmp_path, narrow, rates=ends)  # what is known stays known
    assert said[-1] == "toy  sgd: best learning rate 0.01"


@pytest.mark.ci
def test_extending_ends(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(protocol.statistics, "final_value", lambda task, row: 1 / row["learning_rate"])
    rows, said, _ = go(tmp_path, Protocol(1, 1, True), rates=(0.1, 1.0))
    assert len(runs(rows, "tuning")) == 2 + protocol.grid.MOST
    assert said[-1].endswith("at the high end of the grid")
    trained.clear()
    go(tmp_path, Protocol(1, 1, True), rates=(0.1, 1.0))  # and does not begin anew
    assert trained == []


def test_widths_fit_in_memory_and_in_the_time_that_compiling_takes():
    widths = lambda mode, steps=1, budget=10**9: execution.widths(mode, 6, 3, 2**20, steps, budget)
    assert widths("vmap") == (6, 6)  # copies fill up
    assert widths("vmap", steps=10**6) == (6, 3)
    assert widths("vmap", budget=4 * 2**20) == (3, 3)
    assert widths("map") == widths("single") == (3, 3)


@pytest.mark.ci
@pytest.mark.parametrize("text", ["{", "[]", '{"toy": {}}', '{"toy": {"mode": "fast"}}'])
def test_a_damaged_file_is_named(tmp_path, trained, text):
    (tmp_path / execution.NAME).write_text(text)
    with pytest.raises(Refused, match=r"execution\.json is damaged"):
        go(tmp_path)


def test_a_runs_seconds_become_updates_once_for_an_optimiser(tmp_path, trained, monkeypatch):
    """At a second an update of six runs side by side, a run has had 11 in two seconds: two intervals of 5."""
    rows, _, _ = go(tmp_path, PROTOCOL._replace(max_seconds=2.0), mode="vmap")
    assert {row["steps"] for row in rows} == {10}
    monkeypatch.setattr(timing, "seconds_of_training", None)
    rows, _, _ = go(tmp_path, PROTOCOL._replace(max_seconds=2.0, seeds=4), mode="vmap")
    assert [row["steps"] for row in rows] == 10 * [10]
