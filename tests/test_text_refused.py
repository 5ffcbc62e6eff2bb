"""What a user of the text script types: every wrong input gets one sentence and exit code 2, and nothing is written."""

import pytest
from test_text import CORPUS, TINY
from worker import everything, refused

from experiments import text
from jaxgen.figures import writing
from jaxgen.run import cli

pytestmark = pytest.mark.ci
WRONG = {
    "--temperature=nan": "--temperature must be a finite number",
    "--length=0": "--length must be at least 1",
    "--top_p=0": "--top_p must be above 0",
    "--splits=90/5": "--splits are three percentages such as 90/5/5, not '90/5'",
    "--splits=90/0/10": "--splits=90/0/10 leaves nothing to validate on",
    "--context=3000": "a context of 3,000 needs",
    "--batch_size=400": "400 windows of 16 tokens need",
    "--model=rnn": "lstm|gru|conv|transformer",
    "--level=note": "char|word",
    "--heads=2": "--heads is for --model=transformer, not lstm",
    "--model=transformer --heads=3": "--width=8 cannot be divided among --heads=3",
    "--model=conv --overlap=16": "--overlap=16 leaves nothing of --context=16 to count",
    "--level=word --min_count=1000": "1000 or more times",
    "--corpus=nothing_of_this_name": "nothing_of_this_name",
    "--prompt=caté€": "'é', '€' are not among the 19 characters it was trained on",
    "--dataset=mnist": "dataset",
}


def test_wrong_flags(tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(CORPUS)
    for flags, fragment in WRONG.items():
        given = [*TINY, f"--corpus={corpus}", f"--workdir={tmp_path / 'run'}", *flags.split()]
        refused(capsys, cli.main(text.EXPERIMENT, given), fragment)
        assert everything(tmp_path) == {corpus: CORPUS.encode()}
        assert not (tmp_path / "run").exists()
    for content, fragment in {b"MZ\x00\x01" * 500: "binary", b"to be or not to be": "a context of 16 needs 17"}.items():
        corpus.write_bytes(content)
        given = [*TINY, f"--corpus={corpus}", f"--workdir={tmp_path / 'run'}"]
        refused(capsys, cli.main(text.EXPERIMENT, given), fragment)
        assert everything(tmp_path) == {corpus: content}


def test_what_cannot_go_on_writing(tmp_path, capsys):
    """No run, one whose alphabet is another one, one without a beginning, one of another technique."""
    corpus, workdir = tmp_path / "corpus.txt", tmp_path / "run"
    corpus.write_text(CORPUS)
    only = ["--sample_only", f"--workdir={workdir}"]
    for _ in range(2):  # missing, and empty
        refused(capsys, cli.main(text.EXPERIMENT, [*only, "--prompt=the"]), "holds no run")
        workdir.mkdir(exist_ok=True)
    assert cli.main(text.EXPERIMENT, [*TINY, "--steps=2", f"--corpus={corpus}", f"--workdir={workdir}"]) == 0
    capsys.readouterr()
    fragment = "'ß' is not among the 19 characters it was trained on"
    refused(capsys, cli.main(text.EXPERIMENT, [*only, "--prompt=so ß"]), fragment)
    assert cli.main(text.EXPERIMENT, only) == 0  # goes on from what it continued in training
    (workdir / "samples" / f"{writing.SAMPLES}.jsonl").unlink()
    capsys.readouterr()
    refused(capsys, cli.main(text.EXPERIMENT, only), "there is nothing to continue: give a --prompt")
    config = workdir / "config.json"
    config.write_text(config.read_text().replace("techniques.text.lstm", "techniques.autoencoders.vae"))
    before = everything(tmp_path)
    refused(capsys, cli.main(text.EXPERIMENT, [*only, "--prompt=the"]), "which writes no text")
    assert everything(tmp_path) == before
