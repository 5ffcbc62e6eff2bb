"""Melodies from the command line: a run whose pieces are seen and heard, refusals in a sentence."""

import json

import numpy as np
import pytest
from worker import refused

from experiments import melodies, text
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--width=8 --context=12 --batch_size=4 --steps=4 --log_every=2 --eval_every=2 --notes=20 --sample_rate=4000"


def own(folder, count=9):
    """A file of tunes of 32 notes that are drawn at random, and one that cannot be read."""
    rng = np.random.default_rng(0)
    bars = lambda: "|".join("".join(rng.choice([*"DEFGABcd"], 8)) for _ in range(4))
    tunes = [f"X:{n}\nT:{n}\nM:4/4\nL:1/8\nK:G\n{bars()}|(3GAB c>d e4|\n\n" for n in range(count)]
    (folder / "own.abc").write_text("".join(tunes) + "X:99\nT:Bad\nK:C\nC&\n")
    return folder / "own.abc"


@pytest.mark.parametrize("flags", ["--model=lstm --layers=1", "--heads=2 --transposed=1"])
def test_a_run_composes(flags, tmp_path, capsys):
    pytest.importorskip("mido")
    argv = f"{TINY} {flags} --dataset={own(tmp_path)} --workdir={tmp_path / 'run'}".split()
    assert cli.main(melodies.EXPERIMENT, argv) == 0
    out = capsys.readouterr().out
    assert "tunes left out: 1 that cannot be read, 0 that repeat another one" in out
    assert "not drawn" not in out
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == ["test_bits_per_note", "test_nats_per_token"]
    made = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert {"pieces.png", "notes.png", "piece0.wav", "piece7.mid"} <= made
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("<audio controls") == 8
    assert all(part in page for part in ("mean pitch, MIDI", "tokens out of order", "bigram, tunes as written"))
    only = ["--sample_only", f"--workdir={tmp_path / 'run'}", "--prompt=the"]
    refused(capsys, cli.main(text.EXPERIMENT, only), "a run of melodies, which writes no text")


def test_bad_input_is_told_in_a_sentence(tmp_path, capsys):
    path = own(tmp_path)
    cases = {
        "--dataset=tuned": "did you mean 'tunes'",
        f"--dataset={tmp_path / 'nowhere.abc'}": "there is no file",
        "--temperature=-1": "--temperature must be at least 0",
        "--sample_rate=0": "--sample_rate must be at least 4000",
        "--transposed=7": "--transposed must be at most 6",
        "--level=word": "level",
        "--context=2000": "a context of 2,000 needs",
        "--batch_size=4000": "4000 windows of 12 tokens need",
        "--model=gru --heads=2": "--heads is for --model=transformer, not gru",
    }
    for flags, message in cases.items():
        argv = [*TINY.split(), f"--dataset={path}", *flags.split(), f"--workdir={tmp_path / 'refused'}"]
        refused(capsys, cli.main(melodies.EXPERIMENT, argv), message)
        assert not (tmp_path / "refused").exists()
