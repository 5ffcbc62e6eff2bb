"""Music from the command line: a run whose pieces are seen and heard, refusals in a sentence."""

import json

import pytest

from experiments import music
from jaxgen.data.music import midi
from jaxgen.data.music.midi import Note
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--units=5 --within=3 --batch_size=2 --steps=4 --log_every=2 --eval_every=2 --window=16 --sample_rate=4000"


def own(folder, count=8):
    """A folder of scales."""
    pytest.importorskip("mido")
    (folder / "own").mkdir()
    for n in range(count):
        notes = [Note(50 + n + step, 0.5 * step, 0.5) for step in range(12)]
        (folder / f"own/scale{n}.mid").write_bytes(midi.written(notes))
    return folder / "own"


@pytest.mark.parametrize("notes", ["chord", "note"])
def test_a_run_composes(notes, tmp_path, capsys):
    flags = f"{TINY} --notes={notes} --dataset={own(tmp_path)} --workdir={tmp_path / 'run'}"
    assert cli.main(music.EXPERIMENT, flags.split()) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["metrics"]["test_nll"]["value"] > 0
    made = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert {"pieces.png", "onward.png", "piece0.wav", "piece7.mid", "piece_onward.wav"} <= made
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("<audio controls") == 9
    assert "mean pitch, MIDI" in page
    assert "not drawn" not in capsys.readouterr().out


def test_bad_input_is_told_in_a_sentence(tmp_path, capsys):
    folder = own(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/cut.mid").write_bytes((folder / "scale0.mid").read_bytes()[:40])
    cases = {
        "--dataset=nowhere": "no music 'nowhere'",
        f"--dataset={tmp_path / 'bad'}": "no MIDI file, or damaged",
        f"--dataset={folder} --batch_size=100": "more than the",
        "--temperature=-1": "--temperature must be at least 0",
        "--sample_rate=0": "--sample_rate must be at least 4000",
        "--window=1": "--window must be at least 2",
    }
    for flags, message in cases.items():
        assert cli.main(music.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'refused'}"]) == 2
        error = capsys.readouterr().err
        assert message in error, (flags, error)
        assert error.count("\n") == 1
        assert not (tmp_path / "refused").exists()
