import numpy as np
import pytest
from archives import COLOUR, GREY, LABEL, saved

from jaxgen.core.types import Refused
from jaxgen.data.formats import npz
from jaxgen.data.images import sets


def rows(image):
    """Images as a set, to compare splits whatever their order."""
    return {row.tobytes() for row in image.reshape(len(image), -1)}


@pytest.mark.parametrize(
    ("arrays", "shape", "classes", "sizes"),
    [
        ({"images": GREY}, (4, 5, 1), 0, (16, 2, 2)),
        ({"images": COLOUR, "labels": LABEL.astype(np.uint8)}, (4, 5, 3), 3, (16, 2, 2)),
        ({"images": COLOUR[..., :1], "labels": np.zeros(20, int)}, (4, 5, 1), 1, (16, 2, 2)),
        ({"images": GREY, "labels": LABEL[:, None], "notes": np.array("x")}, (4, 5, 1), 3, (16, 2, 2)),
        (
            {"x_train": GREY, "y_train": LABEL, "x_test": GREY[:7], "y_test": LABEL[:7]},
            (4, 5, 1),
            3,
            (18, 2, 7),
        ),
        ({"x_train": GREY, "x_test": GREY[:7]}, (4, 5, 1), 0, (18, 2, 7)),
        ({"train": COLOUR, "test": COLOUR[:6]}, (4, 5, 3), 0, (18, 2, 6)),
        ({"train": COLOUR, "test": COLOUR[:6], "valid": COLOUR[:1]}, (4, 5, 3), 0, (20, 1, 6)),
    ],
)
def test_layouts(tmp_path, arrays, shape, classes, sizes):
    path = saved(tmp_path / "mine.npz", compressed=True, **arrays)
    hashes = {sets.load(str(path)).sha256, sets.load(str(saved(path, **arrays))).sha256}
    assert len(hashes) == 1
    found = sets.load(str(path))
    parts = (found.train, found.valid, found.test)
    assert (found.name, found.shape, len(found.classes)) == ("mine", shape, classes)
    assert tuple(len(part.image) for part in parts) == sizes
    assert all(part.image.dtype == np.uint8 and part.label.dtype == np.int32 for part in parts)
    given = next(iter(arrays.values()))
    assert set().union(*(rows(part.image) for part in parts)) == rows(given)
    if "test" in arrays or "x_test" in arrays:
        assert np.array_equal(found.test.image, arrays.get("test", arrays.get("x_test")).reshape(sizes[2], -1))


def test_labels_stay_with_their_images(tmp_path):
    image = np.repeat(np.arange(90, dtype=np.uint8), 4).reshape(90, 2, 2)
    found = npz.npz_dataset(saved(tmp_path / "a.npz", images=image, labels=np.arange(90)))
    assert all(np.array_equal(part.image[:, 3], part.label) for part in (found.train, found.valid, found.test))
    assert found.classes[:3] == ("0", "1", "2")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_floats_are_read_as_float32(tmp_path, dtype):
    found = npz.npz_dataset(
        saved(tmp_path / "a.npz", train=(GREY / 255).astype(dtype), test=(GREY / 255).astype(dtype))
    )
    assert found.test.image.dtype == np.dtype("float32")
    np.testing.assert_allclose(found.test.image, GREY.reshape(20, -1) / 255, atol=1e-3)


def test_a_relative_path_is_looked_for_in_the_data_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    saved(tmp_path / "deep" / "a.npz", images=GREY)
    assert sets.load("deep/a.npz", str(tmp_path)).shape == (4, 5, 1)
    assert sets.load(str(tmp_path / "deep" / "a.npz"), "elsewhere").shape == (4, 5, 1)


BAD = {
    "flat": ({"images": GREY.reshape(20, -1)}, r"\[N, H, W\] or \[N, H, W, C\], found the shape \(20, 20\)"),
    "scalar": ({"images": np.uint8(3)}, r"found the shape \(\)"),
    "volume": ({"images": COLOUR[..., None]}, r"found the shape \(20, 4, 5, 3, 1\)"),
    "channels first": (
        {"images": COLOUR.transpose(0, 3, 1, 2)},
        r"expected 1 or 3 channels last in 'images', found the shape \(20, 3, 4, 5\)",
    ),
    "no channels": ({"images": COLOUR[..., :0]}, r"1 or 3 channels last .*\(20, 4, 5, 0\)"),
    "two channels": ({"images": COLOUR[..., :2]}, r"1 or 3 channels last .*\(20, 4, 5, 2\)"),
    "opacity": ({"images": COLOUR[..., [0, 1, 2, 0]]}, r"1 or 3 channels last .*\(20, 4, 5, 4\)"),
    "none": ({"images": GREY[:0]}, r"at least one image in 'images', found the shape \(0, 4, 5, 1\)"),
    "no pixels": ({"images": GREY[:, :0]}, r"found the shape \(20, 0, 5, 1\)"),
    "two": ({"images": GREY[:2]}, "at least 3 images; found 2"),
    "no test": ({"train": GREY, "test": GREY[:0]}, "at least one image in 'test'"),
    "int": ({"images": GREY.astype(int)}, r"as uint8, or as floats in \[0, 1\]; found int64"),
    "bool": ({"images": GREY > 99}, "found bool"),
    "text": ({"images": GREY.astype(str)}, "found <U3"),
    "complex": ({"images": GREY.astype(complex)}, "found complex128"),
    "record": ({"images": np.zeros((5, 4, 4), [("a", "u1")])}, r"found \[\('a'"),
    "floats to 255": ({"images": GREY.astype(np.float32)}, r"floats in \[0, 1\] in 'images', found 0 to 255"),
    "floats from -1": ({"images": GREY / 127.5 - 1}, "found -1 to 1"),
    "nan": ({"images": np.where(GREY == 0, np.nan, GREY / 255)}, "found nan to nan"),
    "inf": ({"images": np.where(GREY == 0, np.inf, GREY / 255)}, "to inf"),
    "count": ({"images": GREY, "labels": LABEL[:9]}, r"one label for each of 20 images, found \(9,\)"),
    "one-hot": ({"images": GREY, "labels": np.eye(20)}, r"found \(20, 20\)"),
    "negative": (
        {"images": GREY, "labels": LABEL - 1},
        "class numbers from 0 to 65535 in 'labels', found -1 to 1",
    ),
    "huge": ({"images": GREY, "labels": LABEL + 2**40}, "found 1099511627776 to"),
    "float labels": ({"images": GREY, "labels": LABEL / 2}, "integer class numbers; found float64"),
    "half": ({"x_train": GREY, "y_train": LABEL, "x_test": GREY}, "found one of them"),
    "layout": ({"pictures": GREY, "b": GREY}, "expected the arrays images and labels; .* found pictures, b"),
    "nothing": ({}, "found none"),
    "shapes": ({"train": GREY, "test": GREY[:, :3]}, r"one shape and type, found .*\(3, 5, 1, 'uint8'\)"),
    "types": ({"train": GREY, "test": GREY / 255}, r"one shape and type, found .*'float32'"),
    "objects": ({"images": np.array([GREY, None], object)}, "pickled objects"),
    "object labels": ({"images": GREY, "labels": LABEL.astype(object)}, "pickled objects"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused(tmp_path, case):
    arrays, says = BAD[case]
    refused(saved(tmp_path / "bad.npz", **arrays), says)


def refused(path, says):
    with pytest.raises(Refused, match=says) as caught:
        npz.npz_dataset(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)
