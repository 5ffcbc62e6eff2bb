"""Which images of a set a run reads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.types import Refused
from jaxgen.run import moved_reader
from jaxgen.run.image_reader import ImageFlags, read_dataset
from jaxgen.run.moved_reader import MovedFlags


def test_a_few_images_of_each_class_are_drawn_by_the_runs_seed():
    drawn = lambda **flags: read_dataset(ImageFlags(dataset="digits", per_class=2, **flags)).train.image
    assert not np.array_equal(drawn(seed=1), drawn(seed=2))
    assert np.array_equal(drawn(seed=1, draw_seed=5), drawn(seed=2, draw_seed=5))
    with pytest.raises(Refused, match="--draw_seed is for the images of --per_class"):
        read_dataset(ImageFlags(dataset="digits", draw_seed=5))


def test_training_images_are_moved_and_others_are_not():
    still = moved_reader.read(MovedFlags(dataset="digits", batch_size=16), None)
    moved = moved_reader.read(MovedFlags(dataset="digits", batch_size=16, shift=1.0, in_order=True), None)
    batch = lambda data, n: training_batch(functions_of(data.train), arrays_of(data.train), None, jax.random.key(0), n)
    first, again = (batch(moved, n)["image"] for n in (0, moved.epoch))  # the same images, in the next pass
    assert first.dtype == again.dtype == jnp.float32
    assert not np.allclose(first, again, atol=0.1)
    mass = lambda image: np.asarray(image).sum(1)
    np.testing.assert_allclose(mass(first), mass(again), rtol=0.3)  # some leave at the border
    assert batch(still, 0)["image"].dtype == jnp.uint8
    np.testing.assert_array_equal(moved.valid.arrays["image"], still.valid.arrays["image"])
