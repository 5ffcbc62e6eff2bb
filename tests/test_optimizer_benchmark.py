"""The optimisers that race make the same updates, in place, on the parameters that the table says."""

import math

import jax
import numpy as np
import pytest

from benchmarks import optimizers
from benchmarks.contenders import optimizer_jax, optimizer_shapes

SMALL = [(3, 2), (5,)]


def test_one_array_is_as_large_as_the_network():
    (one,), network = optimizer_shapes.shapes("one"), optimizer_shapes.shapes("network")
    assert len(network) == 1009
    assert math.prod(one) == sum(map(math.prod, network)) == 9_998_976
    kernels = [math.prod(shape) for shape in network if len(shape) == 2]
    assert sorted({*kernels}) == [9216, 36864, 636672]
    assert len(kernels) == 505


def moved(name, scanned):
    """SMALL parameters after four updates."""
    optimizer, params = optimizer_jax.OPTIMIZERS[name](1e-3), optimizer_jax.normals(SMALL)
    call, state, grads = optimizer_jax.updater(optimizer, scanned), optimizer.init(params), gradients()
    for n in range(1 if scanned else 4):
        params, state = call(params, state, grads if scanned else [g[n] for g in grads])
    return params


def gradients():
    return optimizer_jax.normals(SMALL, 4)


def same(first, second):
    for before, a, b in zip(optimizer_jax.normals(SMALL), first, second, strict=True):
        assert np.abs(a - before).max() > 1e-3
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-7)


def test_updates_are_the_same_in_a_scan_and_optaxs():
    ours = moved("ours", False)
    same(ours, moved("ours", True))
    same(ours, moved("optax", False))


@pytest.mark.slow  # most of it is the import
def test_updates_are_the_same_as_pytorchs():
    torch = pytest.importorskip("torch")
    from benchmarks.contenders import optimizer_torch

    for options in optimizer_torch.WAYS.values():
        params = [torch.nn.Parameter(torch.tensor(np.array(each))) for each in optimizer_jax.normals(SMALL)]
        optimizer = torch.optim.Adam(params, 1e-3, **options)
        for n in range(4):
            for each, g in zip(params, gradients()):
                each.grad = torch.tensor(np.array(g[n]))
            optimizer.step()
        same(moved("ours", False), [each.detach().numpy() for each in params])


@pytest.mark.parametrize("scanned", [False, True])
def test_parameters_and_both_averages_are_written_where_they_lie(scanned):
    optimizer, params = optimizer_jax.OPTIMIZERS["ours"](1e-3), optimizer_jax.normals(SMALL)
    state, grads = optimizer.init(params), gradients() if scanned else optimizer_jax.normals(SMALL)

    def places():
        return [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((params, state)) if leaf.shape in SMALL]

    before = places()
    params, state = optimizer_jax.updater(optimizer, scanned)(params, state, grads)
    assert len(before) == 3 * len(SMALL)
    assert places() == before


@pytest.mark.parametrize("peer", [True, False])
def test_a_race_is_a_row_for_each_contender(peer, monkeypatch):
    def fake(contenders, rounds, seconds):
        assert rounds == 3
        assert contenders["triad"][1:] == ["one", "triad"]
        speeds = {name: [1.0, 2.0, 3.0] for name in contenders}
        return speeds | {"triad": [2.0, 8.0, 4.0]} | ({"PyTorch": [0.5, 0.5, 3.0]} if peer else {})

    monkeypatch.setattr(optimizers, "race", fake)
    monkeypatch.setattr(optimizers, "have", lambda package: peer)
    rows = optimizers.measure(3)
    names = ["triad", *optimizers.JAX, *(optimizers.TORCH if peer else ())]
    assert [(row["arrays"], row["contender"]) for row in rows] == [(n, name) for n in (1, 1009) for name in names]
    assert rows[1]["gb_per_second"] == 2.0
    assert rows[1]["of_triad"] == 0.5
    assert rows[1].get("against_pytorch") == (2.0 if peer else None)
    assert rows[0].get("against_pytorch") is None


def test_the_work_is_what_is_counted(monkeypatch):
    """A contender answers with the bytes of seven arrays for each update, for each triad of three twice as large."""
    told, dispatched = [], []
    monkeypatch.setattr(optimizer_shapes, "shapes", lambda leaves: [(250, 1000)])
    monkeypatch.setattr(optimizer_jax, "serve", lambda work, amount: told.append((work(), amount)[1]))
    updater = optimizer_jax.updater

    def counted(optimizer, scanned):
        call = updater(optimizer, scanned)
        return lambda *args: (dispatched.append(scanned), call(*args))[1]

    monkeypatch.setattr(optimizer_jax, "updater", counted)
    for what, scanned in (("triad", False), ("ours", False), ("ours", True)):
        optimizer_jax.main("one", what, scanned)
    assert told == pytest.approx([8 * 6e-3, 8 * 7e-3, 8 * 7e-3])
    assert dispatched == [False] * 8 + [True] * 2
