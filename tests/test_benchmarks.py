"""The benchmarks run, and say what they say."""

import json

import jax
import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import classifier, race, steps, vae
from benchmarks.contenders import classifier_jax
from jaxgen.techniques.vision import classifier as technique


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


@pytest.mark.parametrize("peer", [True, False])
@pytest.mark.parametrize(("module", "networks"), [(vae, ["mlp", "conv"]), (classifier, [None])])
def test_a_race_is_a_row_for_each_contender(module, networks, peer, monkeypatch):
    speeds = {"fused": [3.0, 9.0, 6.0], "fused, 2 host devices": [1.0] * 3, "jit per step": [1.0] * 3}
    speeds |= {"PyTorch": [1.0, 4.5, 4.0]} if peer else {}

    def fake(contenders, rounds, seconds):
        assert contenders.keys() == speeds.keys()
        assert rounds == 3
        return speeds

    monkeypatch.setattr(module, "race", fake)
    monkeypatch.setattr(module, "have", lambda package: peer)
    rows = module.measure(3)
    assert [row.get("network") for row in rows] == [name for name in networks for _ in speeds]
    assert [row["contender"] for row in rows] == [*speeds] * len(networks)
    assert rows[0]["images_per_second"] == 6.0
    assert rows[0].get("against_pytorch") == (2.0 if peer else None)


def kernels(tree):
    """The classifier's kernels in PyTorch's layouts; it flattens channels first."""
    conv1, conv2, hidden = (np.asarray(tree[f"layer{n}"]["linear"]["kernel"]) for n in (1, 2, 3))
    hidden = hidden.reshape(7, 7, 64, 128).transpose(2, 0, 1, 3).reshape(-1, 128)
    return [conv1.transpose(3, 2, 0, 1), conv2.transpose(3, 2, 0, 1), hidden.T, np.asarray(tree["output"]["kernel"]).T]


def test_the_classifiers_that_race_are_one_network():
    """From the same kernels: parameters, the loss in training, its gradients and the running statistics after it."""
    torch = pytest.importorskip("torch")
    from benchmarks.contenders import classifier_torch

    draw, theirs = np.random.default_rng(0), classifier_torch.network()
    pixels, labels = draw.integers(0, 256, (16, 784), np.uint8), draw.integers(0, 10, 16)
    state = jax.jit(technique.make(classifier_jax.CONFIG).init)(jax.random.key(0))
    moved = [theirs[n].weight for n in (0, 4, 9, 12)]
    with torch.no_grad():
        theirs[12].bias.zero_()
        for weight, kernel in zip(moved, kernels(state.params), strict=True):
            weight.copy_(torch.tensor(kernel.copy()))
    _, loss = technique.training(classifier_jax.CONFIG)
    (ours, (carry, _, _)), slopes = jax.jit(jax.value_and_grad(loss, has_aux=True))(
        state.params, state.carry, jax.random.key(1), {"image": pixels, "label": labels}
    )
    logits = theirs(torch.tensor(pixels).float().reshape(16, 1, 28, 28) / 255)
    value = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    value.backward()
    assert sum(p.numel() for p in theirs.parameters()) == sum(leaf.size for leaf in jax.tree.leaves(state.params))
    assert float(ours) == pytest.approx(value.item(), rel=1e-4)
    for weight, slope in zip(moved, kernels(slopes), strict=True):
        assert np.linalg.norm(weight.grad.numpy() - slope) < 0.02 * np.linalg.norm(slope)
    for n, name in ((1, "layer1"), (5, "layer2"), (10, "layer3")):
        running = carry["batch_stats"][name]["norm"]
        np.testing.assert_allclose(theirs[n].running_mean, running["mean"], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(theirs[n].running_var, running["var"], rtol=0.01)
