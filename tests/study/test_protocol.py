"""What a study runs, and that it runs nothing twice."""

import json

import pytest
import study_toys

from jaxgen.core.types import Refused
from jaxgen.study import protocol, store, timing, training
from jaxgen.study.protocol import Protocol, run_study

PROTOCOL = Protocol((0.001, 0.01, 0.1), 2, 3)


@pytest.fixture
def trained(monkeypatch):
    """How many runs each part of a study trained; instead of training, a rate of 0.01 or 1 is good."""
    parts = []

    def pretend(problem, functions, trials, arrays, final, advance):
        parts.append(len(trials))
        advance(5)
        advance(problem.steps - 5)
        good = lambda trial: 0.5 + 1e-3 * trial.rate - (trial.rate == 0.01) * 0.2 - (trial.rate == 10.0) * 0.3
        return [
            {
                "learning_rate": trial.rate,
                "seed": trial.seed,
                "steps": problem.steps,
                "diverged": False,
                "at": [0, problem.steps],
                "valid": [1.0, good(trial)],
                "train": [1.0],
                "test": 0.5 if final else None,
                "seconds": 0.1,
                "bytes": 12,
            }
            for trial in trials
        ]

    monkeypatch.setattr(training, "train_runs", pretend)
    monkeypatch.setattr(timing, "fastest_mode", lambda *_: ("vmap", None, {"map": 2.0, "vmap": 1.0, "sequential": 3.0}))
    return parts


def go(place, protocol=PROTOCOL, optimizers=("sgd",)):
    said, updates = [], []
    problem = study_toys.problem()
    run_study(place, problem, study_toys.TASK, optimizers, protocol, said.append, updates.append)
    return store.read_rows(place), said, sum(updates)


def runs(rows, phase):
    return [(row["learning_rate"], row["seed"]) for row in rows if row["phase"] == phase]


def test_tuning_seeds_choose_and_fresh_ones_judge(tmp_path, trained):
    rows, said, updates = go(tmp_path)
    assert runs(rows, "tuning") == [(rate, seed) for rate in (0.001, 0.01, 0.1) for seed in (0, 1)]
    assert runs(rows, "final") == [(0.01, seed) for seed in (2, 3, 4)]
    assert updates == 9 * study_toys.STEPS
    assert said[-1] == "toy  sgd: best learning rate 0.01"
    assert protocol.read_execution(tmp_path)["toy"]["mode"] == "vmap"


def test_nothing_is_run_twice(tmp_path, trained):
    before, _, _ = go(tmp_path)
    trained.clear()
    after, _, updates = go(tmp_path)
    assert (after, trained, updates) == (before, [], 0)
    more, _, _ = go(tmp_path, PROTOCOL._replace(seeds=4), ("sgd", "adam"))
    assert sum(trained) == 1 + 6 + 4
    assert len(more) == 9 + 1 + 10


def test_a_study_that_was_killed_goes_on(tmp_path, trained):
    whole, _, _ = go(tmp_path)
    lines = (tmp_path / store.NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / store.NAME).write_bytes(b"".join(lines[:4]) + lines[4][:50])
    trained.clear()
    rows, _, _ = go(tmp_path)
    assert sum(trained) == 2 + 3
    assert sorted(map(store.run_key, rows)) == sorted(map(store.run_key, whole))


def test_an_end_of_the_grid_is_said_and_extended(tmp_path, trained):
    narrow = Protocol((0.1, 1.0), 2, 1)
    _, said, _ = go(tmp_path, narrow)
    assert said[-1].endswith("best learning rate 0.1, at the low end of the grid")
    rows, said, _ = go(tmp_path, narrow._replace(extend=True))
    assert {rate for rate, _ in runs(rows, "tuning")} == {0.001, 0.01, 0.1, 1.0}
    assert said[-1] == "toy  sgd: best learning rate 0.01"
    rows, said, _ = go(tmp_path, narrow)  # what is known stays known
    assert said[-1] == "toy  sgd: best learning rate 0.01"


def test_extending_ends(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(protocol.statistics, "final_value", lambda task, row: 1 / row["learning_rate"])
    rows, said, _ = go(tmp_path, Protocol((0.1, 1.0), 1, 1, True))
    assert len(runs(rows, "tuning")) == 2 + protocol.grid.MOST
    assert said[-1].endswith("at the high end of the grid")
    trained.clear()
    go(tmp_path, Protocol((0.1, 1.0), 1, 1, True))  # and does not begin anew
    assert trained == []


def test_parts_fit_in_memory(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(protocol, "bytes_per_run", lambda *_: 2**20)
    monkeypatch.setattr(protocol.machine, "memory", lambda: 2 * 4 * 2**20)
    rows, _, _ = go(tmp_path)
    assert trained == [3, 3, 3]
    assert len(rows) == 9


def test_copies_that_fill_up_are_forgotten(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(protocol, "COMPILING", 1e9)  # filling up is always cheaper
    rows, _, _ = go(tmp_path)
    assert trained == [6, 6]
    assert len(rows) == 9
    monkeypatch.setattr(protocol, "COMPILING", 0.0)
    trained.clear()
    go(tmp_path, optimizers=("adam",))
    assert trained == [6, 3]


def test_where_one_run_follows_the_other_parts_are_no_wider_than_the_finals(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(timing, "fastest_mode", lambda *_: ("map", None, {"map": 1.0, "vmap": 2.0, "sequential": 3.0}))
    rows, _, _ = go(tmp_path, PROTOCOL._replace(seeds=4))
    assert trained == [4, 4, 4]
    assert len(rows) == 6 + 4


@pytest.mark.parametrize("text", ["{", "[]", '{"toy": {}}', '{"toy": {"mode": "fast"}}'])
def test_a_damaged_file_is_named(tmp_path, trained, text):
    (tmp_path / protocol.EXECUTION).write_text(text)
    with pytest.raises(Refused, match=r"execution\.json is damaged"):
        go(tmp_path)


def test_the_file_says_what_was_timed(tmp_path, trained):
    go(tmp_path)
    found = json.loads((tmp_path / protocol.EXECUTION).read_text())
    assert found["toy"].pop("seconds") > 0
    assert found["toy"] == {
        "mode": "vmap",
        "width": 6,
        "seconds_an_update": {"map": 2.0, "vmap": 1.0, "sequential": 3.0},
    }
