"""The benchmarks run, and say what they say."""

import json

from benchmarks import __main__ as benchmarks
from benchmarks import race, steps


def test_a_table_and_a_file_of_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(steps, "BLOCK", 0.001)
    benchmarks.main(["--only=vae_mlp", "--noraces", f"--out={tmp_path / 'numbers.json'}"])
    found = json.loads((tmp_path / "numbers.json").read_text())
    assert {"versions", "device", "date", "cores", "steps"} <= found.keys()
    (row,) = found["steps"]
    assert row["technique"] == "vae_mlp"
    assert all(row[name] > 0 for name in ("compile_s", "single_us", "chunk_us", "seeds8_us"))
    out = capsys.readouterr().out
    assert "vae_mlp" in out
    assert found["date"] in out


def test_contenders_take_turns():
    """Two that work for a known time: the slower one takes twice as long."""
    code = "import time; from benchmarks.contenders import serve; serve(lambda: time.sleep({}), 1)"
    blocks = race.race(
        {"a": ["timeit", "-n1", "-r1", code.format(0.01)], "b": ["timeit", "-n1", "-r1", code.format(0.02)]}, 3, 0.1
    )
    assert {name: len(speeds) for name, speeds in blocks.items()} == {"a": 3, "b": 3}
    assert 1.5 < race.ratio(blocks["a"], blocks["b"]) < 2.5


def test_a_table_is_aligned():
    text = benchmarks.table([{"name": "one", "x": 1234567.0, "n": 3}, {"name": "three", "x": 0.012345, "n": 11}])
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "1,234,567" in lines[1]
    assert "0.0123" in lines[2]
