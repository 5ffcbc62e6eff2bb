"""Part of a set: which images are kept, and that they are the same ones every time."""

from pathlib import Path

import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset
from jaxgen.data.images import sets
from jaxgen.data.images.subsets import narrowed
from jaxgen.data.rows import Rows

NAMES = ("cat", "dog", "frog", "t-shirt")
COUNTS = {"train": (12, 7, 9, 4), "valid": (2, 3, 1, 2), "test": (1, 2, 3, 1)}


def split(counts, first):
    """Images that carry their own number and class: [N, 2]."""
    label = np.random.default_rng(first).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    return Examples(np.stack([np.arange(first, first + len(label)), label], 1).astype(np.uint8), label)


def toy(names=NAMES, **counts) -> Dataset:
    parts = [split(given, 50 * n) for n, given in enumerate({**COUNTS, **counts}.values())]
    return dataset("toys", (1, 2, 1), names, *parts)


def on_disk(found, folder):
    """The same set as Rows, in a shuffled file."""
    parts = []
    for name in ("train", "valid", "test"):
        image, label = getattr(found, name)
        order = np.random.default_rng(1).permutation(len(image))
        path, where = folder / f"{name}.u8", np.argsort(order)
        path.write_bytes(b"head" + image[order].tobytes())
        parts.append(Examples(Rows(path, 4, 2, np.dtype(np.uint8), where, f"hash of {name}"), label))
    return dataset("toys", (1, 2, 1), found.classes, *parts)


def pairs(examples):
    """(number of the image, its class in the whole set, its class now) of every example."""
    image = rows.read(examples.image, slice(None))
    return [(*map(int, row), int(label)) for row, label in zip(image, examples.label, strict=True)]


@pytest.mark.parametrize(
    ("classes", "kept"), [("frog,cat", [2, 0]), (" t-shirt , dog,cat", [3, 1, 0]), ("", [0, 1, 2, 3])]
)
def test_named_classes_are_kept_and_renumbered(classes, kept, tmp_path):
    whole = on_disk(toy(), tmp_path) if kept[0] == 2 else toy()
    part = narrowed(whole, classes)
    assert part.classes == tuple(NAMES[n] for n in kept)
    assert (part.name, part.shape) == ("toys", (1, 2, 1))
    for name in COUNTS:
        expected = [(*one[:2], kept.index(one[1])) for one in pairs(getattr(whole, name)) if one[1] in kept]
        assert pairs(getattr(part, name)) == expected
        assert getattr(part, name).label.dtype == np.int32
    assert (part.sha256 == whole.sha256) is (classes == "")


def test_of_rows_nothing_is_read(tmp_path):
    gone = on_disk(toy(), tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    part = narrowed(gone, "cat,frog", 3)
    assert isinstance(part.train.image, Rows)
    assert rows.count(part.train.image) == 6
    assert part.sha256 not in (gone.sha256, narrowed(gone, "cat,frog", 4).sha256, narrowed(gone, "frog,cat", 3).sha256)


def test_few_images_of_each_class_are_the_same_ones_every_time():
    """Whatever else is asked; a larger number has those of a smaller one. Validation and test stay whole."""
    whole = toy()
    few = narrowed(whole, per_class=3)
    assert np.bincount(few.train.label).tolist() == [3, 3, 3, 3]
    assert set(pairs(few.train)) <= set(pairs(whole.train))
    assert [pairs(few.valid), pairs(few.test)] == [pairs(whole.valid), pairs(whole.test)]
    assert narrowed(whole, per_class=3).sha256 == few.sha256 != whole.sha256
    assert narrowed(whole, per_class=3, seed=1).sha256 != few.sha256
    assert set(pairs(few.train)) < set(pairs(narrowed(whole, per_class=4).train))
    chosen = {one[0] for one in pairs(few.train) if one[1] in (2, 0)}
    assert {one[0] for one in pairs(narrowed(whole, "frog,cat", 3).train)} == chosen
    first = [one[0] for n in range(4) for one in [p for p in pairs(whole.train) if p[1] == n][:3]]
    assert {one[0] for one in pairs(few.train)} != set(first), "the first ones, not drawn ones"
    everything = narrowed(whole, "dog", 7)
    assert pairs(everything.train) == pairs(narrowed(whole, "dog").train)


def test_a_range_of_digits():
    digits = toy(tuple("0123"))
    assert narrowed(digits, "0-3").sha256 == digits.sha256
    assert narrowed(digits, "3,0-2").classes == ("3", "0", "1", "2")
    assert narrowed(toy(("08", "09", "10", "11")), "08-10").classes == ("08", "09", "10")
    assert narrowed(toy(("0", "10", "1", "2")), "0-2").classes == ("0", "1", "2"), "by number, not by place"
    assert narrowed(toy(("0", "1", "2", "0-2")), "0-2").classes == ("0-2",), "a class that is called so"


MANY, DIGITS = tuple(f"class {n}" for n in range(30)), ("0", "1", "2", "3")
WRONG = [  # set, classes, images of each, what is said
    (toy(), "cat,bird", 0, "toys has no class 'bird'; known are cat, dog, frog, t-shirt$"),
    (toy(MANY), "x", 0, "'x'; known are class 0, .*class 18, class 19 and 10 more$"),
    (toy(("0", "1", "3", "4")), "0-4", 0, "no class '2'; known are 0, 1, 3, 4"),
    (toy(("0", "1", "2", "9" * 30)), f"0-{'9' * 30}", 0, "no class '3'"),
    (toy(), f"0-{'9' * 5000}", 0, "no class '0-9999"),
    (toy(DIGITS), "3-1", 0, "--classes=3-1 counts down; a range is written 1-3"),
    (toy(), "cat,dog,cat", 0, "--classes=cat,dog,cat names 'cat' twice"),
    (toy(DIGITS), "1,0-2", 0, "names '1' twice"),
    (toy(), " , ", 0, "names no class"),
    (toy(), "cat,", 0, "no class ''"),
    (toy(()), "cat", 0, "--classes is for sets with classes; toys has none"),
    (toy(()), "", 5, "--per_class is for sets with classes; toys has none"),
    (toy(), "", 5, "--per_class=5 is more than the 4 training images of class 't-shirt'"),
    (toy(), "cat,dog", 8, "--per_class=8 is more than the 7 training images of class 'dog'"),
    (toy(valid=(2, 0, 0, 2)), "dog,frog", 0, "--classes=dog,frog leaves no image of toys in the valid split"),
]


@pytest.mark.ci
def test_what_cannot_be_kept_is_refused():
    for whole, classes, per_class, says in WRONG:
        with pytest.raises(Refused, match=says):
            narrowed(whole, classes, per_class)


def test_sets_are_loaded_in_part(tmp_path):
    assert narrowed(whole := toy(())) is whole
    part = sets.load("digits", classes="3,8", per_class=20, least=2)
    assert part.classes == ("3", "8")
    assert part.train.image.shape == (40, 64)
    with pytest.raises(Refused, match="--classes=3 of digits has 1 class; at least 2 are needed"):
        sets.load("digits", classes="3", least=2)
    pixels, label = np.random.default_rng(0).integers(0, 256, (90, 4, 4), np.uint8), np.arange(90) % 3
    np.savez(tmp_path / "a.npz", images=pixels, labels=label)
    held, streamed = (
        sets.load(str(tmp_path / "a.npz"), resident=resident, classes="2,0", per_class=9) for resident in (2**30, 0)
    )
    assert isinstance(streamed.train.image, Rows)
    assert Path(streamed.train.image.path) == tmp_path / "a.npz"
    for ours, theirs in zip((held.train, held.test), (streamed.train, streamed.test), strict=True):
        np.testing.assert_array_equal(ours.image, rows.read(theirs.image, slice(None)))
        np.testing.assert_array_equal(ours.label, theirs.label)
