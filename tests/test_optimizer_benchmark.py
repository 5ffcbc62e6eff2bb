"""The optimisers that race make the same updates, in place, on the parameters that the table says."""

import math

import jax
import numpy as np
import pytest

from benchmarks.loops import adam as loop
from jaxgen.optim.textbook import adam

SMALL = loop.Sizes(one=False, width=4, blocks=1, words=7)


def test_one_array_is_as_large_as_the_network():
    (one,), network = (loop.LOOP.cases[case].shapes() for case in ("1", "1009"))
    assert len(network) == 1009
    assert math.prod(one) == sum(map(math.prod, network)) == 9_998_976
    kernels = [math.prod(shape) for shape in network if len(shape) == 2]
    assert sorted({*kernels}) == [9216, 36864, 636672]
    assert len(kernels) == 505


@pytest.mark.ci
@pytest.mark.parametrize(
    "contender", [pytest.param(each, marks=[pytest.mark.slow] * bool(each.packages)) for each in loop.LOOP.contenders]
)
def test_updates_are_adams(contender):
    """Each in float32 against the formula in float64; most of PyTorch's time is the import."""
    for package in contender.packages:
        pytest.importorskip(package)
    work = contender.prepare(SMALL)
    for _ in range(3):
        work.call()
        assert work.quality() < 1e-4


def test_other_updates_are_not():
    start, grads = np.float32([1.0, 2.0]), np.float32([[1.0, -3.0]])
    after = start - 3e-3 * np.float32([1.0, -1.0])  # where the gradient stays the same, each update is about the rate
    assert loop.error(after, start, grads, 3) < 1e-4
    assert loop.error(after, start, grads, 2) > 0.4
    assert loop.error(after, start, -grads, 3) > 1.9


@pytest.mark.parametrize("scanned", [False, True])
def test_parameters_and_both_averages_are_written_where_they_lie(scanned):
    shapes, optimizer = [(3, 2), (5,)], adam(1e-3)
    params, grads = (jax.tree.map(jax.numpy.array, loop.normals(shapes, *axes)) for axes in ((), (4,) * scanned))
    state = optimizer.init(params)

    def places():
        return [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((params, state)) if leaf.shape in shapes]

    before = places()
    params, state = loop.updater(optimizer, scanned)(params, state, grads)
    assert len(before) == 3 * len(shapes)
    assert places() == before


@pytest.mark.ci
def test_the_work_is_what_is_counted(monkeypatch):
    """The bytes of seven arrays for each update, for each triad of three twice as large."""
    dispatched, updater = [], loop.updater

    def counted(optimizer, scanned):
        call = updater(optimizer, scanned)
        return lambda *args: (dispatched.append(scanned), call(*args))[1]

    monkeypatch.setattr(loop, "updater", counted)
    count = sum(map(math.prod, SMALL.shapes()))
    amounts = {each.label: each.prepare(SMALL) for each in loop.LOOP.contenders[:3]}
    for work in amounts.values():
        work.call()
    assert [work.amount for work in amounts.values()] == pytest.approx([8 * n * 4e-9 * count for n in (6, 7, 7)])
    assert dispatched == [False] * 8 + [True] * 2
