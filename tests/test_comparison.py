"""What became slower is found, and noise is not; limits are measured right."""

import json
import time

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import comparison, limits, racing
from jaxgen.core.types import Refused

RACE = {"contender": "fused", "images_per_second": 100.0, "quality": 3.0, "blocks": [95.0, 100.0, 105.0]}
STEP = {"technique": "vae", "compile_s": 2.0, "chunk_us": 50.0, "mflop": 3.0, "quality": 1.0}


def numbers(race=RACE, step=STEP):
    return {"device": {"kind": "a"}, "rows": {"vae": [race], "steps": [step]}}


def test_a_planted_regression_is_found_and_noise_is_not():
    same, slower = comparison.compared(numbers(), numbers())
    assert (same, slower) == ("3 numbers are in both, 0 changed beyond noise", False)
    noisy = numbers({**RACE, "images_per_second": 96.0}, {**STEP, "chunk_us": 58.0, "quality": 9.0})
    assert comparison.compared(numbers(), noisy)[1] is False
    text, slower = comparison.compared(numbers(), numbers({**RACE, "images_per_second": 90.0}))
    assert slower
    assert "worse: vae fused, images_per_second 100 to 90, 0.9 times, noise 5%" in text
    text, slower = comparison.compared(numbers(), numbers(step={**STEP, "chunk_us": 30.0, "compile_s": 3.0}))
    assert slower
    assert [line.split(":")[0] for line in text.splitlines()[1:]] == ["worse", "better"]
    wide = {**RACE, "images_per_second": 90.0, "blocks": [70.0, 90.0, 100.0]}
    assert not comparison.compared(numbers(), numbers(wide))[1]  # its blocks spread as much


def test_rows_of_one_file_alone_are_left_out_and_another_device_is_named():
    other = {"device": {"kind": "b"}, "rows": {"vae": [RACE, {**RACE, "contender": "PyTorch"}], "gan": [RACE]}}
    text, slower = comparison.compared(numbers(), other)
    assert not slower
    assert text.splitlines() == [
        "another device: {'kind': 'a'}, now {'kind': 'b'}",
        "1 numbers are in both, 0 changed beyond noise",
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": {"vae": 3}, "device": {}}', '{"rows": {"vae": [1]}}'])
def test_a_foreign_file_is_refused(content, tmp_path):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(Refused, match=r"other\.json"):
        benchmarks.main([f"--compare={tmp_path / 'other.json'}", f"--out={tmp_path / 'new.json'}"])
    with pytest.raises(Refused, match="cannot be read"):
        comparison.read(str(tmp_path / "missing.json"))
    assert not (tmp_path / "new.json").exists()


def test_leaving_with_exit_code_1(capsys):
    benchmarks.finish(numbers(), None)
    benchmarks.finish(numbers(), numbers())
    assert "0 changed" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        benchmarks.finish(numbers(step={**STEP, "chunk_us": 80.0}), json.loads(json.dumps(numbers())))


def test_a_planted_sleep_is_timed_right():
    seconds = racing.quietest({"sleep": lambda: time.sleep(0.05)}, 3, 0.1)
    assert seconds["sleep"] == pytest.approx(0.05, rel=0.05)


@pytest.mark.ci
def test_limits_are_positive_and_named(monkeypatch):
    monkeypatch.setattr(limits, "BLOCK", 0.001)
    rows = limits.measure(1, limits.Sizes(64, 2**12))
    assert [row["limit"] for row in rows] == ["products, float32", "products, bfloat16", "triad", "dispatch"]
    assert all(row["value"] > 0 for row in rows)
