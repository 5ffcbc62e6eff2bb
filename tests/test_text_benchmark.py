"""The language models that race have the sizes of the table, and count what they did."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import trainers
from benchmarks.loops import lstm, sampling
from benchmarks.serving import LOOPS
from experiments.text import EXPERIMENT

pytestmark = pytest.mark.ci
READING = {
    "text_windows": ("last", "strided"),
    "text_carried": ("all", "stream"),
    "text_transformer": ("all", "random"),
}


def test_ours_has_the_sizes_of_all_and_its_work_is_what_is_counted():
    """A window of the book's has one target, the others as many as they have tokens."""
    for name, reads in READING.items():
        (sizes,) = LOOPS[name].cases.values()
        config = trainers.setting(EXPERIMENT, sizes.flags()).config
        assert (config.batch, config.reading.context, config.width) == (sizes.batch, sizes.context, sizes.width)
        assert (config.reading.predict, config.reading.windows) == reads
        if name == "text_transformer":
            assert (config.layers, config.heads) == (sizes.layers, sizes.heads)
        else:
            assert (config.layers, config.embedding, len(config.vocabulary)) == (1, 0, lstm.tokens()[1])
        source = trainers.stage(EXPERIMENT, sizes.flags()).source
        batch = jax.eval_shape(source.take, source.arrays, jax.random.key(0), jnp.int32(0))
        assert batch["tokens"].shape == (sizes.batch, sizes.context + 1)
        targets = 1 if name == "text_windows" else sizes.context
        assert sizes.amount == sizes.updates * sizes.batch * targets


def test_what_is_written_is_counted_and_is_new_each_time():
    network = lstm.BOOK._replace(width=8, context=6)
    sizes = sampling.Sizes(3, network, length=20)
    written, writing = [], sampling.writing
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "writing", lambda write, *rest: written.append(write) or writing(write, *rest))
        assert sampling.compiled(sizes).amount == 20 * 3
    first, second = written[0](), written[0]()
    assert first.shape == (3, 20)
    assert (first != second).any()
    assert (first[0] != first[1]).any()


def test_quality_is_the_entropy_of_what_was_written_first():
    pieces = iter([np.array([[0, 1]]), np.array([[2, 3]]), np.array([[3, 3]])])
    work = sampling.writing(lambda: next(pieces), sampling.Sizes(1, length=4), 2)
    for _ in range(3):
        work.call()
    assert (work.calls, work.amount, work.quality()) == (2, 2, 2.0)
    assert sampling.entropy(np.zeros(9)) == 0.0


def test_kerass_windows_and_draws():
    x, y = lstm.examples(np.arange(50, dtype=np.uint8), 4, np.array([0, 3, 6]))
    assert x.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert y.tolist() == [4, 7, 10]
    draw, p = np.random.default_rng(0), np.float32([0.1, 0.2, 0.7])
    shares = np.bincount([sampling.drawn(p, 0.5, draw) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(shares, p**2 / np.sum(p**2), atol=0.03)
