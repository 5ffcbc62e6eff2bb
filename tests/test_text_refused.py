"""What a user of the text script types: every wrong input gets one sentence and exit code 2, and nothing is written."""

import pytest
from test_text import CORPUS, TINY
from worker import EXPERIMENT as WORKER
from worker import TINY as WORKER_FLAGS
from worker import everything, refused

from experiments import text
from jaxgen.figures import writing
from jaxgen.run import cli

WRONG = {
    "--temperature=-1": "--temperature must be at least 0",
    "--temperature=nan": "--temperature must be a finite number",
    "--length=0": "--length must be at least 1",
    "--count=0": "--count must be at least 1",
    "--top_k=-1": "--top_k must be at least 0",
    "--top_p=0": "--top_p must be above 0",
    "--top_p=1.1": "--top_p must be at most 1",
    "--splits=90/5": "--splits are three percentages such as 90/5/5, not '90/5'",
    "--splits=90/5/6": "90/5/6",
    "--splits=0/50/50": "0/50/50",
    "--splits=90/0/10": "--splits=90/0/10 leaves nothing to validate on",
    "--context=3000": "a context of 3,000 needs",
    "--batch_size=400": "400 windows of 16 tokens need",
    "--model=rnn": "lstm|gru|conv|transformer",
    "--heads=2": "--heads is for --model=transformer, not lstm",
    "--model=transformer --heads=3": "--width=8 cannot be divided among --heads=3",
    "--model=conv --overlap=16": "--overlap=16 leaves nothing of --context=16 to count",
    "--level=word --min_count=1000": "1000 or more times",
    "--dropout=1": "--dropout must be at most 0.999",
    "--corpus=nothing_of_this_name": "nothing_of_this_name",
    "--prompt=caté€": "'é', '€' are not among the 19 characters it was trained on",
    "--dataset=mnist": "dataset",
}


@pytest.mark.parametrize("flags", WRONG)
def test_wrong_flags(flags, tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(CORPUS)
    before = everything(tmp_path)
    given = [*TINY, f"--corpus={corpus}", f"--workdir={tmp_path / 'run'}", *flags.split()]
    refused(capsys, cli.main(text.EXPERIMENT, given), WRONG[flags])
    assert everything(tmp_path) == before
    assert not (tmp_path / "run").exists()


FILES = {
    "empty": (b"", "is empty"),
    "one_character": (b"a" * 5000, "one distinct character, 'a'"),
    "latin_1": ("naïve ".encode("latin-1") * 500, "byte 2"),
    "binary": (b"MZ\x00\x01" * 500, "binary"),
    "short": (b"to be or not to be", "and a context of 16 needs 17 or more"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_text_to_learn_from(name, tmp_path, capsys):
    content, fragment = FILES[name]
    path = tmp_path / f"{name}.txt"
    path.write_bytes(content)
    refused(capsys, cli.main(text.EXPERIMENT, [*TINY, f"--corpus={path}", f"--workdir={tmp_path / 'run'}"]), fragment)
    assert everything(tmp_path) == {path: content}


def test_sampling_needs_a_run_that_writes_text(tmp_path, capsys):
    """An empty directory, another technique's run, and a run whose alphabet is another one."""
    only = ["--sample_only", "--prompt=the"]
    (tmp_path / "empty").mkdir()
    for workdir in ("missing", "empty"):
        refused(capsys, cli.main(text.EXPERIMENT, [*only, f"--workdir={tmp_path / workdir}"]), "holds no run")
    assert cli.main(WORKER, [*WORKER_FLAGS, f"--workdir={tmp_path / 'vae'}"]) == 0
    capsys.readouterr()
    before = everything(tmp_path)
    refused(capsys, cli.main(text.EXPERIMENT, [*only, f"--workdir={tmp_path / 'vae'}"]), "which writes no text")
    assert everything(tmp_path) == before


def test_prompts_that_a_run_cannot_read(tmp_path, capsys):
    corpus, workdir = tmp_path / "corpus.txt", tmp_path / "run"
    corpus.write_text(CORPUS)
    assert cli.main(text.EXPERIMENT, [*TINY, "--steps=2", f"--corpus={corpus}", f"--workdir={workdir}"]) == 0
    capsys.readouterr()
    only = ["--sample_only", f"--workdir={workdir}"]
    fragment = "'ß' is not among the 19 characters it was trained on"
    refused(capsys, cli.main(text.EXPERIMENT, [*only, "--prompt=so ß"]), fragment)
    assert cli.main(text.EXPERIMENT, only) == 0  # goes on from what it continued in training
    (workdir / "samples" / f"{writing.SAMPLES}.jsonl").unlink()
    capsys.readouterr()
    refused(capsys, cli.main(text.EXPERIMENT, only), "there is nothing to continue: give a --prompt")
