"""Sets that need no file, and how a set is cut and named."""

import importlib.util
import sys

import numpy as np
import pytest
from refusals import refused

from jaxgen.data.examples import Examples, dataset, split
from jaxgen.data.images import digits, glyphs, originals, sets

ELSEWHERE = {"olivetti", "olivetti_glasses", "frogs", "stacked_mnist"}  # where these are tested
SETS = {
    "digits": ((8, 8, 1), 1797, 10),
    "glyphs": ((28, 28, 1), 13_442, 47),
}


@pytest.fixture(scope="module")
def loaded():
    return {name: sets.load(name) for name in SETS}


def test_a_set_is_complete_and_the_same_every_time(loaded):
    for name, (shape, count, classes) in SETS.items():
        found = loaded[name]
        assert (found.name, found.shape, len(found.classes)) == (name, shape, classes)
        assert sum(len(part.image) for part in found[3:6]) == count
        for part in found[3:6]:
            assert part.image.shape == (len(part.label), np.prod(shape))
            assert (part.image.dtype, part.label.dtype) == (np.uint8, np.int32)
            assert set(part.label.tolist()) == set(range(classes))
        assert (found.train.image.min(), found.train.image.max()) == (0, 255)
    assert sets.load("digits").sha256 == loaded["digits"].sha256
    assert set(sets.NAMES) == {*SETS, *originals.ORIGINALS, *ELSEWHERE}


@pytest.mark.slow  # draws all again
def test_glyphs_are_the_same_every_time(loaded):
    assert sets.load("glyphs").sha256 == loaded["glyphs"].sha256


@pytest.mark.ci
@pytest.mark.parametrize(("name", "least"), [("digits", 0.96), ("glyphs", 0.85)])
def test_the_nearest_training_image_tells_the_class(loaded, name, least):
    train, test = (part.image.astype(np.float32) / 255 for part in (loaded[name].train, loaded[name].test))
    distance = np.sum(train**2, 1) - 2 * test[:300] @ train.T
    guess = loaded[name].train.label[np.argmin(distance, 1)]
    assert np.mean(guess == loaded[name].test.label[:300]) >= least  # found: 0.99 and 0.90


@pytest.mark.ci
def test_glyphs_fill_the_frame_as_mnist_does(loaded):
    ink = loaded["glyphs"].train.image.reshape(-1, 28, 28) > 64
    rows, columns = ink.any(2), ink.any(1)
    for lines in (rows, columns):
        middle = (np.argmax(lines, 1) + 27 - np.argmax(lines[:, ::-1], 1)) / 2
        assert abs(middle.mean() - 13.5) < 0.2
        assert np.abs(middle - 13.5).max() <= 4
    longer = np.maximum(rows.sum(1), columns.sum(1))
    assert 18 <= np.median(longer) <= 22
    assert 14 <= longer.min() <= longer.max() <= 28
    assert 0.1 < loaded["glyphs"].train.image.mean() / 255 < 0.25  # MNIST 0.13, EMNIST Balanced 0.17


def test_thickening_adds_a_pixel_all_round():
    dot = np.zeros((1, 5, 5), np.uint8)
    dot[0, 2, 2] = 200
    assert glyphs.thicken(dot, corners=False)[0].tolist() == [
        [200 * (abs(y - 2) + abs(x - 2) <= 1) for x in range(5)] for y in range(5)
    ]
    assert glyphs.thicken(dot, corners=True)[0].tolist() == [
        [200 * (max(abs(y - 2), abs(x - 2)) <= 1) for x in range(5)] for y in range(5)
    ]


SPLITS = [  # images, fractions, sizes of the splits
    (1797, (0.8, 0.1, 0.1), (1438, 179, 180)),
    (4, (0.8, 0.1, 0.1), (2, 1, 1)),
    (3, (0.8, 0.1, 0.1), (1, 1, 1)),
    (3, (0.01, 0.01, 0.98), (1, 1, 1)),
    (50, (0.9, 0.1, 0.0), (45, 5, 0)),
    (2, (0.0, 0.5, 0.5), (0, 1, 1)),
    (5, (1.0, 0.0, 0.0), (5, 0, 0)),
]


def test_splits_are_disjoint_complete_and_drawn_with_a_seed():
    for count, fractions, sizes in SPLITS:
        image, label = np.arange(count)[:, None] * np.ones((1, 3)), np.arange(count)
        parts = split(image, label, fractions=fractions)
        assert tuple(len(part.label) for part in parts) == sizes
        assert sorted(np.concatenate([part.label for part in parts])) == list(range(count))
        assert all(np.array_equal(part.image[:, 0], part.label) for part in parts)
    image, label = np.zeros((100, 1)), np.arange(100)
    one, same, other = (split(image, label, seed)[2].label.tolist() for seed in (0, 0, 1))
    assert one == same != other
    assert one != sorted(one)


def test_an_impossible_split_is_refused():
    for count, labels, fractions, says in [
        (2, 2, (0.8, 0.1, 0.1), "at least 3 images; found 2"),
        (9, 9, (0.8, 0.1, 0.2), "add up to 1; found"),
        (9, 9, (1.2, -0.1, -0.1), "add up to 1; found"),
        (9, 8, (0.8, 0.1, 0.1), "9 images and 8 labels"),
    ]:
        refused(says, split, np.zeros((count, 4)), np.zeros(labels), fractions=fractions)


def test_the_hash_notices_every_part():
    def made(shape=(2, 2, 1), spoil=None, value=9, dtype=np.uint8):
        arrays = [np.zeros((3, 4), dtype) if n % 2 == 0 else np.zeros(3, np.int32) for n in range(6)]
        if spoil is not None:
            arrays[spoil].flat[1] = value
        parts = (Examples(*arrays[n : n + 2]) for n in (0, 2, 4))
        return dataset("x", shape, (), *parts).sha256

    variants = [made(), made(shape=(4, 1, 1)), made(dtype=np.int8), *(made(spoil=n) for n in range(6))]
    assert len(set(variants)) == len(variants)
    assert made() == made(spoil=0, value=0)


NOWHERE = r"no file or folder nowhere/set.npz; looked for .*/nowhere/set.npz and .*/there/nowhere/set.npz"
UNKNOWN = {
    "digit": r"no data set 'digit' \(did you mean 'digits'\?\); known are digits, glyphs, mnist, ",
    "Glyphs": "did you mean 'glyphs'",
    "": "no data set ''; known are",
    "nowhere/set.npz": NOWHERE,
    "~/a\0b.npz": "there is no file",
    f"{'x' * 5000}.npz": "there is no file",
}


def test_an_unknown_name_is_refused_with_help(tmp_path):
    for name, says in UNKNOWN.items():
        refused(says, sets.load, name, str(tmp_path / "there"))


@pytest.mark.ci
def test_a_missing_library_names_its_install_command_and_a_missing_font_its_place(monkeypatch):
    monkeypatch.setattr(glyphs, "FONTS", ("NoSuchFont",))
    refused(r"font that glyphs are drawn with is missing in .*ttf", glyphs.masters)
    for name in [name for name in sys.modules if name.startswith("sklearn")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    refused(r'pip install "jaxgen\[data\]"', digits.load)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(r'pip install "jaxgen\[report\]"', glyphs.load)
