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
    some = moved_reader.read(MovedFlags(dataset="digits", batch_size=200, shift=1.0, moved=0.4, in_order=True), None)
    other = moved_reader.read(MovedFlags(dataset="digits", batch_size=200, in_order=True), None)
    same = np.isclose(batch(some, 0)["image"], np.asarray(batch(other, 0)["image"]) / np.float32(255)).all(1)
    assert 0.5 < same.mean() < 0.7


def test_half_of_the_training_images_are_mirrored_anew_in_each_batch():
    """And none of another split, which are the data's own, in order."""
    batches = {}
    for mirror in (False, True):
        data = moved_reader.read(MovedFlags(dataset="digits", batch_size=100, mirror=mirror), None)
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
