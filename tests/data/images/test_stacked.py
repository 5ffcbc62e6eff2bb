"""Stacked digits from small files of MNIST."""

import numpy as np
import pytest
from made import idx_set

from jaxgen.data.images import sets, stacked


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stacked, "SIZES", {"train": 60, "valid": 8, "test": 30})
    idx_set(tmp_path / "mnist")
    return str(tmp_path)


def test_labels_are_the_digits_of_the_channels(folder):
    mnist, images = sets.load("mnist", folder), sets.load("stacked_mnist", folder)
    assert images.shape == (28, 28, 3)
    assert [len(part.label) for part in images[3:6]] == [60, 8, 30]
    for digits, stacks in zip(mnist[3:6], images[3:6]):
        digit = {row.tobytes(): str(label) for row, label in zip(digits.image, digits.label)}  # of this split alone
        for image, label in zip(stacks.image.reshape(-1, 28, 28, 3), stacks.label):
            assert images.classes[label] == "".join(digit[image[..., n].tobytes()] for n in range(3))
    several = np.unique(images.train.label // [[100], [10], [1]] % 10, axis=1)
    assert several.shape[1] > 30  # channels are drawn one by one


def test_stacks_are_the_same_every_time(folder):
    once, again = (sets.load("stacked_mnist", folder) for _ in range(2))
    assert once.sha256 == again.sha256
    assert np.array_equal(once.train.image, again.train.image)
