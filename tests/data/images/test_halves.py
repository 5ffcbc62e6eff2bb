"""Digits in halves of images: which split they are from, and which labels they have."""

import numpy as np
import pytest

from jaxgen.data.examples import dataset, split
from jaxgen.data.images.halves import examples, halves, pairs

SHAPE = (2, 3, 1)


@pytest.fixture
def digits():
    """Forty digits of which each has a grey level of its own; level 0 is left out, which is black."""
    level = np.arange(1, 41, dtype=np.uint8)
    return dataset(
        "levels", SHAPE, tuple("0123"), *split(np.repeat(level[:, None], 6, 1), (level % 4).astype(np.int32))
    )


def test_pairs_are_of_two_classes_and_labelled_from_left_to_right(digits):
    image, label = pairs(digits.test, SHAPE, 30, 0)
    assert image.shape == (30, 2, 6, 1)
    levels = image[:, 0, [0, 5], 0]
    np.testing.assert_array_equal(image[..., 0], np.repeat(levels, 3, 1)[:, None].repeat(2, 1))
    np.testing.assert_array_equal(levels % 4, label)
    assert (label[:, 0] != label[:, 1]).all()
    assert {*levels.ravel()} <= {*digits.test.image[:, 0]}
    np.testing.assert_array_equal(pairs(digits.test, SHAPE, 30, 0).image, image)


def test_each_digit_stands_in_either_half_with_its_label(digits):
    image, label = examples(digits.train, SHAPE, 0.5, 2, 0)
    count = len(digits.train.label)
    sides = image.reshape(4, count, 2, 6)[:, :, 0][..., [0, 5]]
    own = np.stack([sides[n, :, 1 - n % 2] for n in range(4)])  # right, left, right, left
    np.testing.assert_array_equal(own, np.tile(digits.train.image[:, 0], (4, 1)))
    np.testing.assert_array_equal(label, np.tile(digits.train.label, 4))
    other = np.stack([sides[n, :, n % 2] for n in range(4)])
    assert 0.3 < (other == 0).mean() < 0.7


def test_company_is_as_often_as_asked_for_and_of_the_same_split(digits):
    black = lambda made: (made.train.image.reshape(-1, 2, 6)[..., [0, 5]] == 0).any((1, 2)).mean()
    alone, always = halves(digits, 0.0), halves(digits, 1.0)
    assert (alone.shape, alone.classes) == ((2, 6, 1), digits.classes)
    assert (black(alone), black(always)) == (1.0, 0.0)
    for name in ("train", "valid", "test"):
        own = getattr(digits, name).image
        assert {*np.unique(getattr(always, name).image)} <= {*np.unique(own)}
    assert alone.sha256 != always.sha256
