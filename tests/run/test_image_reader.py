"""Which images of a set a run reads."""

import jax
import numpy as np
import pytest

from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.types import Refused
from jaxgen.run.image_reader import ImageFlags, read, read_dataset


def test_a_few_images_of_each_class_are_drawn_by_the_runs_seed():
    drawn = lambda **flags: read_dataset(ImageFlags(dataset="digits", per_class=2, **flags)).train.image
    assert not np.array_equal(drawn(seed=1), drawn(seed=2))
    assert np.array_equal(drawn(seed=1, draw_seed=5), drawn(seed=2, draw_seed=5))
    with pytest.raises(Refused, match="--draw_seed is for the images of --per_class"):
        read_dataset(ImageFlags(dataset="digits", draw_seed=5))


def test_half_of_the_training_images_are_mirrored_anew_in_each_batch():
    """And none of another split, which are the data's own, in order."""
    batches = {}
    for mirror in (False, True):
        data = read(ImageFlags(dataset="digits", batch_size=100, mirror=mirror), None)
        take = jax.jit(
            lambda n, train=data.train: training_batch(
                functions_of(train), arrays_of(train), None, jax.random.key(0), n
            )
        )
        batches[mirror] = np.stack([np.asarray(take(n)["image"]).reshape(-1, 8, 8) for n in (0, 1)])
    plain, mirrored = batches.values()
    same, other = ((mirrored == each).all((2, 3)) for each in (plain, plain[..., ::-1]))
    assert (same | other).all()
    assert 0.3 < other.mean() < 0.7
    assert (other[0] != other[1]).any()
    assert data.valid.transform is None
    assert data.test.transform is None
