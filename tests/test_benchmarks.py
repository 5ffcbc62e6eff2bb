"""The benchmarks run, what races does the same work, and the page shows what was measured."""

import json
import math
import time

import floors
import jax
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import racing, trainers
from benchmarks.contender import Work
from benchmarks.loops import lstm, start, steps
from benchmarks.serving import LOOPS, answers
from jaxgen.core.types import Refused

TEXT = {"width": 8, "context": 6, "batch": 4, "updates": 2}
SMALL = {  # what makes a loop's sizes small
    "vae": {"hidden": 16, "batch": 8, "updates": 2, "dataset": "digits"},
    "autoencoder": {"latent": 6, "batch": 8, "updates": 2, "dataset": "digits"},
    "penalty": {"latent": 6, "batch": 8, "updates": 2, "dataset": "digits"},
    "boltzmann": {"hidden": 6, "batch": 8, "updates": 2, "dataset": "digits"},
    "gibbs": {"visible": 8, "hidden": 6, "chains": 40, "amount": 20},
    "classifier": {"channels": (4, 4), "hidden": 8, "batch": 16, "updates": 2, "dataset": "digits"},
    "gan": {"width": 4, "latent": 2, "batch": 4, "updates": 2},
    "imagery": {"height": 76, "width": 80, "updates": 2},
    "grid": {"rates": 2, "seeds": 2, "epochs": 2, "hidden": 8},
    "optimizers": {"width": 4, "blocks": 1, "words": 7},
    "composing": {"units": 6, "batch": 4, "updates": 2, "window": 16},
    "copying": {"units": 6, "code": 5, "longest": 7, "batch": 8, "updates": 2},
    "sketching": {"units": 6, "latent": 3, "components": 2, "points": 400},
    "lbfgs": {"height": 12, "width": 9, "evaluations": 20},
    "stylizing": {"width": 2, "blocks": 1, "height": 21, "columns": 26},
    "text_windows": TEXT,
    "text_carried": {**TEXT, "targets": 6},
    "text_transformer": {**TEXT, "layers": 1, "heads": 2},
    "text_sampling": {"network": lstm.BOOK._replace(**TEXT), "length": 60, "piece": 30},
}
SECOND = "Keras on PyTorch"  # Keras has one backend in a process, and so has JAX one number of devices


def qualities(name, case):
    """Rows of the contenders of small sizes, all in this process."""
    loop = LOOPS[name]
    sizes, rows = loop.cases[case]._replace(**SMALL[name]), []
    for contender in racing.racers(loop, case):
        if contender.label != SECOND and contender.devices == 1:
            work = contender.prepare(sizes)
            for _ in range(work.calls):
                work.call()
            assert work.amount > 0
            rows.append({loop.column: case, "contender": contender.label, "quality": work.quality()})
    return rows


def unlike(loop, rows):
    """The contenders that would be refused."""
    return [row for row in rows if not racing.alike(loop, rows[0]["quality"], row["quality"])]


RACED = {name: loop for name, loop in LOOPS.items() if any(each.packages for each in loop.contenders)}
CASES = [(name, case) for name, loop in RACED.items() for case in loop.cases]


@pytest.mark.ci
@pytest.mark.parametrize("name", LOOPS)
def test_ours_of_a_loop_are_equally_good(name, monkeypatch):
    monkeypatch.setattr(racing, "have", lambda package: False)
    rows = qualities(name, next(iter(LOOPS[name].cases)))
    assert rows
    assert all(math.isfinite(row["quality"]) for row in rows)
    assert unlike(LOOPS[name], rows) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "case"), CASES)
def test_peers_are_as_good(name, case, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(trainers.machine, "cores", lambda: 1)
    with jax.numpy_rank_promotion("allow"):
        rows = qualities(name, case)
    assert any("PyTorch" in row["contender"] for row in rows)
    assert unlike(LOOPS[name]._replace(within=0.25), rows) == [] or name in ("optimizers", "grid")


@pytest.mark.ci
def test_a_process_is_warm_before_it_answers():
    calls = []
    work = Work(lambda: calls.append(time.sleep(0.01)), 3.0, lambda: float(len(calls)), calls=4)
    lines = answers(work, ["0.1", "0.1"])
    assert next(lines) == "ready"
    assert len(calls) == 4
    blocks = [racing.Block(*map(float, line.split())) for line in lines]
    assert [block.quality for block in blocks] == [4.0, 4.0]
    assert all(10 < block.speed <= 300 for block in blocks)


ANSWERING = "import sys; print('ready', flush=True); [print({}, float(line), flush=True) for line in sys.stdin]"


@pytest.mark.slow  # starts processes
def test_contenders_take_turns_and_two_host_devices_train_as_one_does():
    blocks = racing.race({"a": ["-c", ANSWERING.format(2)], "b": ["-c", ANSWERING.format(4)]}, 2, 0.5)
    assert blocks == {"a": [(2.0, 0.5)] * 2, "b": [(4.0, 0.5)] * 2}
    with pytest.raises(RuntimeError, match="ended"):
        racing.race({"a": ["-c", "print('ready')"]}, 1, 0.5)
    labels = ["fused", "fused, 2 host devices"]
    blocks = racing.race({label: ["-m", "benchmarks.serving", "vae", label, "mlp"] for label in labels}, 1, 0.1)
    assert blocks[labels[0]][0].quality == pytest.approx(blocks[labels[1]][0].quality, rel=0.01)


def test_the_script_for_accelerators_names_races():
    text = (floors.root() / "benchmarks/on_device.sh").read_text()
    (names,) = (line.removeprefix("races=").split(",") for line in text.splitlines() if line.startswith("races="))
    assert set(names) <= LOOPS.keys()


def test_a_table_is_aligned():
    rows = [("one", 1234567.0, 3), ("three", 0.012345, 11)]
    lines = benchmarks.table([{"name": name, "x": x, "n": n, "no": None} for name, x, n in rows]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert all(text in line for text, line in zip(("1,234,567", "0.0123"), lines[1:]))
    assert "no" not in lines[0].split()


@pytest.mark.ci
def test_a_table_and_a_file_of_numbers_of_a_strangers_technique(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(steps, "BLOCK", 0.001)
    monkeypatch.setattr(benchmarks.limits, "LARGE", benchmarks.limits.Sizes(64, 2**12))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_a_stranger.py").write_text("from jaxgen.techniques.autoencoders.vae import tiny")
    (tmp_path / "of_nobody.py").write_text("")
    flags = ["--technique=of_a_stranger", "--only=vae_mlp"]
    benchmarks.main([*flags, f"--out={tmp_path / 'numbers.json'}"])
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert {"versions", "device", "arithmetic", "date", "cores", "commit", "limits", "rows"} == numbers.keys()
    (row,) = numbers["rows"]["steps"]
    assert row["technique"] == "vae_mlp"
    timed = ("compile_s", "single_us", "chunk_us", "seeds8_us", "seeds64_us")
    assert all(row[name] > 0 for name in (*timed, "mflop", "share", "peak_mb", "quality"))
    out = capsys.readouterr().out
    assert all(text in out for text in ("vae_mlp", numbers["date"]))
    with pytest.raises(Refused, match="nothing has 'nowhere' in its name; known: steps, "):
        benchmarks.main(["--only=vae_mlp,nowhere"])
    with pytest.raises(Refused, match="no tiny"):
        benchmarks.main(["--technique=of_nobody"])
    with pytest.raises(Refused, match="no such module"):
        benchmarks.main(["--technique=nowhere.at_all"])


def test_the_first_process_is_not_counted(monkeypatch):
    commands, seconds = [], iter([50.0, 10.0, 1.0, 3.0, 2.0])
    monkeypatch.setattr(start, "timed", lambda command: (commands.append(command) or next(seconds), "The end\n"))
    (row,) = start.measure_writing(3)
    assert (row["seconds"], row["blocks"], row["quality"]) == (2.0, [1.0, 3.0, 2.0], 7.0)
    assert ["--sample_only" in command for command in commands] == [False, *[True] * 4]
