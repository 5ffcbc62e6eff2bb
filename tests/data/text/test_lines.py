"""Lines are pieces of the text, of the lengths that were asked for."""

import jax
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data.text import lines
from jaxgen.data.text.texts import Split

SPLIT = Split(np.arange(100, dtype=np.uint8))


def test_training_lines_begin_anywhere_and_have_all_lengths():
    source = lines.drawn(SPLIT, 64, 2, 5)
    batch = source.take(source.arrays, jax.random.key(0), 3)
    x, length = np.asarray(batch["x"]).astype(int), np.asarray(batch["length"])
    assert (np.diff(x, axis=1) == 1).all()
    assert set(length.tolist()) == {2, 3, 4, 5}
    assert len(set(x[:, 0].tolist())) > 30
    other = source.take(source.arrays, jax.random.key(0), 4)
    assert not np.array_equal(x, other["x"])


def test_lines_to_test_on_follow_each_other():
    assert lines.successive(SPLIT, 30).tolist() == np.arange(90).reshape(3, 30).tolist()
    holdout = lines.holdout(SPLIT, 2, 30)
    batch, mask = holdout.take(holdout.arrays, 1)
    assert (holdout.batches, mask.tolist(), batch["length"].tolist()) == (2, [True, False], [30, 30])


def test_a_line_longer_than_the_text_is_refused():
    with pytest.raises(Refused, match="need a split of as many"):
        lines.drawn(SPLIT, 4, 1, 101)
