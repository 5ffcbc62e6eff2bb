"""Sets of sketches by name and path."""

import json
import os

import numpy as np
import pytest
from refusals import plainly, refused

from jaxgen.data.strokes.sketches import load

REAL = os.environ.get("JAXGEN_DATA", "")


def saved(path, **parts):
    whole = {}
    for name, arrays in parts.items():
        whole[name] = np.empty(len(arrays), object)
        whole[name][:] = [np.asarray(each) for each in arrays]
    np.savez(path, **whole)
    return str(path)


def row(x, y=0.0, pen=1.0):
    return [[x, y, pen]]


THREE = {"train": [row(1, 3), row(-1, 5)], "valid": [row(2)], "test": [[*row(4, pen=0), *row(6)]]}


def test_a_file_with_splits(tmp_path):
    found = load(saved(tmp_path / "mine.npz", **THREE))
    scale = np.std([1, 3, -1, 5])
    assert found.name == "mine"
    assert (found.classes, found.longest, found.left_out) == ((), 2, 0)
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.test.strokes, np.array([[[4 / scale, 0, 0], [6 / scale, 0, 1]]]), rtol=1e-6)
    np.testing.assert_allclose(found.train.strokes[1], [[-1 / scale, 5 / scale, 1], [0, 0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(found.train.length, [1, 1])
    np.testing.assert_array_equal(found.train.label, [0, 0])
    kinds = [each.dtype for each in found.valid]
    assert kinds == [np.float32, np.int32, np.int32]
    assert load(saved(tmp_path / "same.npz", **THREE)).sha256 == found.sha256
    assert load(saved(tmp_path / "other.npz", **{**THREE, "valid": [row(3)]})).sha256 != found.sha256


def test_long_sketches_are_left_out_and_counted(tmp_path):
    long = [*row(9, pen=0)] * 4
    path = saved(tmp_path / "a.npz", train=[*THREE["train"], long], valid=[row(1), long], test=[row(1)])
    found = load(path, longest=3)
    assert (found.left_out, found.longest, len(found.train.length), len(found.valid.length)) == (2, 1, 2, 1)
    np.testing.assert_allclose(found.scale, np.std([1, 3, -1, 5]))  # of those that stay
    assert load(path, longest=4).left_out == 0


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (
            {**THREE, "valid": [row(1) * 300, row(2) * 260]},
            "all 2 sketches in valid .* more than 250 .* shortest has 260",
        ),
        ({**THREE, "test": [row(1), np.zeros((0, 3))]}, "sketch 1 in test of .* is empty"),
        ({**THREE, "test": [row(np.nan)]}, "sketch 0 in test of .* not finite"),
        ({**THREE, "test": [row(1e300)]}, "sketch 0 in test of .* not finite"),
        ({**THREE, "train": [row(1, pen=2)]}, "sketch 0 in train of .* a pen other than 0"),
        ({**THREE, "train": [np.zeros((2, 5))]}, r"sketch 0 in train of .* has the shape \(2, 5\)"),
        ({**THREE, "valid": []}, "has no sketches in valid"),
        ({**THREE, "train": [row(0)]}, "no scale"),
        ({"train": [row(1)], "test": [row(1)]}, "expected the arrays train, valid and test; found test, train"),
    ],
)
def test_sketches_that_cannot_be_used(tmp_path, parts, says):
    refused(says, load, saved(tmp_path / "a.npz", **parts))


def test_drawn_splits_keep_each_sketch_with_its_class_once(tmp_path):
    marks = [(label, 10 * number + 1) for number, label in enumerate(["b", "a"] * 10)]
    lines = [{"word": label, "drawing": [[[0, mark], [0, 0]]]} for label, mark in marks]
    (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, lines)))
    own = [{"class": label, "strokes": [[[0, 0], [mark, 0]]]} for label, mark in marks]
    (tmp_path / "b.json").write_text(json.dumps({"classes": ["b", "a", "none"], "sketches": own}))
    one, other = load("a.ndjson", str(tmp_path)), load(str(tmp_path / "b.json"))
    assert (one.classes, other.classes) == (("a", "b"), ("b", "a", "none"))
    for found in (one, other):
        seen = [
            (found.classes[label], round(float(strokes[1, 0] * found.scale)))
            for split in (found.train, found.valid, found.test)
            for strokes, label in zip(split.strokes, split.label)
        ]
        assert sorted(seen) == sorted(marks)
        assert [len(split.length) for split in (found.train, found.valid, found.test)] == [16, 2, 2]
    np.testing.assert_array_equal(one.train.strokes, other.train.strokes)


def svg(path, *points):
    path.parent.mkdir(exist_ok=True)
    joined = " ".join(f"{x},{y}" for x, y in points)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><polyline points="{joined}"/></svg>')


def test_folders_and_files_of_svg(tmp_path):
    folder = tmp_path / "shapes"
    folder.mkdir()
    refused("has 0 sketches, in subfolders for its classes; three splits need at least 3", load, str(folder))
    for label in ("dog", "cat"):
        for number in range(2):
            svg(folder / label / f"{number}.svg", (1, 1), (5 + number, 1))
    (folder / "cat" / "notes.txt").write_text("none")
    (folder / ".hidden").mkdir()
    found = load(str(folder))
    assert (found.name, found.classes) == ("shapes", ("cat", "dog"))
    labels = np.concatenate([split.label for split in (found.train, found.valid, found.test)])
    np.testing.assert_array_equal(np.bincount(labels), [2, 2])
    single = load(str(folder / "dog" / "1.svg"))
    for split in (single.train, single.valid, single.test):
        np.testing.assert_allclose(split.strokes * single.scale, [[[0, 0, 0], [5, 0, single.scale]]], rtol=1e-6)


def test_names_that_are_unknown_and_files_that_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    refused(
        r"no sketches 'leters' \(did you mean 'letters'\?\); known are letters, aaron_sheep, omniglot", load, "leters"
    )
    refused(
        f"no omniglot.npz in {tmp_path}/sketch or {tmp_path}/cache/data/sketch; .* https",
        load,
        "omniglot",
        str(tmp_path),
    )
    refused("there is no file or folder none.npz; looked for", load, "none.npz", str(tmp_path))
    (tmp_path / "a.png").touch()
    refused("a.png is none of the files", load, str(tmp_path / "a.png"))
    refused("at least 1 point", load, "letters", longest=0)
    (tmp_path / "a.ndjson").write_text(json.dumps({"word": "a", "drawing": [[[1, 2], [0, 0]]]}))
    refused("has 1 sketches; three splits need at least 3", load, str(tmp_path / "a.ndjson"))


def test_letters():
    found = load("letters")
    assert found.train.strokes.shape == (3996, 80, 3)
    assert found.longest == found.test.length.max() or found.longest == found.valid.length.max()
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    inside = np.arange(80) < found.train.length[:, None]
    assert not found.train.strokes[~inside].any()
    np.testing.assert_allclose(found.train.strokes[inside][:, :2].std(), 1.0, rtol=1e-4)
    assert set(np.unique(found.train.strokes[..., 2])) == {0, 1}
    np.testing.assert_array_equal(found.train.strokes[np.arange(3996), found.train.length - 1, 2], 1)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(os.path.join(REAL, "sketch")), reason="JAXGEN_DATA has no sketches")
@pytest.mark.parametrize(
    ("name", "sizes", "mean", "longest", "scale"),
    [
        ("aaron_sheep", [7400, 300, 300], 125.22, 250, 18.5198),
        ("omniglot", [30_000, 1000, 1000], 31.11, 157, 53.437),
    ],
)
def test_files_as_they_are_distributed(name, sizes, mean, longest, scale):
    found = load(name, REAL)
    assert [len(split.length) for split in (found.train, found.valid, found.test)] == sizes
    np.testing.assert_allclose(found.train.length.mean(), mean, atol=0.01)
    np.testing.assert_allclose(found.scale, scale, atol=1e-3)
    assert (found.longest, found.left_out, found.classes) == (longest, 0, ())
    ends = found.train.strokes[np.arange(sizes[0]), found.train.length - 1, 2]
    np.testing.assert_array_equal(ends, 1)


def test_a_set_that_nothing_moves_in_is_named(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text('<svg><polyline points="1,1 1,1"/></svg>')
    plainly("have no scale", path, load, str(path))
