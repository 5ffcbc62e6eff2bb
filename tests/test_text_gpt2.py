"""GPT-2 from files, from the command line: fine-tuned, written with, refused."""

import json

import jax
import numpy as np
import pytest
from small_gpt2 import C, D, H, L, V, tensors, write_tokens, write_weights
from worker import everything, refused

from experiments import text
from jaxgen.data.text import byte_pairs
from jaxgen.run import cli
from jaxgen.run.load import load

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.ci

CORPUS = "The cat sat on the mat, and the dog\u2019s log lay beside it: 1984 times it did so.\n" * 60


@pytest.fixture
def folder(tmp_path):
    files = tmp_path / "gpt2"
    files.mkdir()
    write_weights(files)
    write_tokens(files, CORPUS + "".join(f"{a}{b}{a} " for a in "abcdefgh" for b in "xyz") * 3)
    (tmp_path / "corpus.txt").write_text(CORPUS, encoding="utf-8")
    return files


def go(folder, name, *flags):
    tiny = ["--batch_size=2", "--log_every=2", "--eval_every=2", "--length=5", f"--corpus={folder.parent}/corpus.txt"]
    argv = [*tiny, f"--init_from={folder}/model.safetensors", f"--workdir={folder.parent / name}", *flags]
    return cli.main(text.EXPERIMENT, argv)


def test_it_is_fine_tuned(folder):
    """From its own parameters, of as many positions as are asked for; to the same bytes where it was left."""
    for name, steps in (("whole", (4,)), ("parts", (2, 4))):
        for count in steps:
            assert go(folder, name, "--context=8", f"--steps={count}") == 0
    ends = [json.loads((folder.parent / name / "summary.json").read_text()) for name in ("whole", "parts")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert list(ends[0]["metrics"]) == ["test_bits_per_char", "test_nats_per_token"]
    fields = json.loads((folder.parent / "whole/config.json").read_text())["stages"][-1]["config"]
    sizes = [fields[name] for name in ("layers", "width", "heads", "context", "level", "as_gpt2")]
    assert sizes == [L, D, H, 8, "bpe", True]
    assert tuple(fields["vocabulary"]) == byte_pairs.stored(folder)
    assert go(folder, "still", "--optimizer=sgd", "--learning_rate=1e-30", "--steps=1") == 0
    params = load(folder.parent / "still")[1].params
    np.testing.assert_array_equal(params["tokens"], tensors()["wte.weight"])
    assert params["positions"].shape == (C, D)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def test_it_writes_without_a_run(folder, capsys):
    found = []
    for _ in range(2):
        assert go(folder, "none", "--sample_only", "--prompt=The \u0142", "--temperature=1", "--count=2") == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert found[0].count("The \u0142") == 2
    assert not (folder.parent / "none").exists()


def test_what_does_not_fit(folder, capsys):
    before = everything(folder.parent)
    for flags, sentence in (
        (["--layers=1"], "block1"),
        (["--context=17"], "positions is [16, 24] there and [17, 24] here"),
        (["--level=char"], "tokens is [300, 24] there and"),
        (["--model=lstm", "--steps=1"], "another architecture"),
        (["--noas_gpt2"], "another architecture"),
        ([f"--merges={folder.parent}"], "byte pairs need vocab.json and merges.txt in"),
        ([f"--init_from={folder.parent}/none.safetensors"], "none.safetensors"),
        ([f"--init_from={folder}/vocab.json"], "is not a file of weights"),
    ):
        refused(capsys, go(folder, "run", *flags), sentence)
    assert everything(folder.parent) == before
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    numbers = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    for name, content, sentence in (
        ("merges.txt", "\n".join([*merges[:1], *merges[:0:-1]]), "of another vocabulary than vocab.json"),
        ("merges.txt", "\udcff", "damaged"),
        ("vocab.json", json.dumps({**numbers, "new": V + 1}), "does not number its tokens from 0"),
        ("vocab.json", json.dumps({**numbers, "new": str(V)}), "does not number its tokens from 0"),
        ("vocab.json", "[", "damaged"),
    ):
        kept = (folder / name).read_bytes()
        (folder / name).write_text(content, encoding="utf-8", errors="surrogateescape")
        refused(capsys, go(folder, "run"), sentence)
        (folder / name).write_bytes(kept)
    (folder / "vocab.json").write_text(json.dumps({**numbers, "new": V}))
    refused(capsys, go(folder, "run", "--sample_only", "--prompt=a"), "has 300 tokens, and vocab.json 301")
