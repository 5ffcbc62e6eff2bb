"""Every way in which TFDS may store images."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageOps
from prepared import encoded, noise, prepare

from jaxgen.core.types import Refused
from jaxgen.data.images import tfds_sets


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))


def stored(root, feature, values, **options):
    """Shape, and the rows of a set of these images as a set."""
    prepare(root, {"train": [{"image": value} for value in values]}, {"image": feature})
    found = tfds_sets.tfds_dataset("toys", str(root), **options)
    return found.shape, {bytes(row) for part in found[3:6] for row in part.image}


def refused(says, root, feature, values, **options):
    with pytest.raises(Refused, match=says) as caught:
        stored(root, feature, values, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fitted(array, side):
    """What Pillow makes of an image that is brought to a square."""
    return bytes(np.asarray(ImageOps.fit(Image.fromarray(array), (side, side), Image.Resampling.LANCZOS)))


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3)])
@pytest.mark.parametrize("encoding", ["none", "bytes", "zlib"])
def test_numbers(tmp_path, shape, encoding):
    image = noise(20, *shape)
    feature = tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding=encoding)
    assert stored(tmp_path, feature, image) == ((*shape, 1)[:3], set(map(bytes, image)))


def test_numbers_of_several_sizes(tmp_path):
    values = [noise(1, 6 + n % 3, 5, 3)[0] for n in range(20)]
    feature = tfds.features.Tensor(shape=(None, None, 3), dtype=np.uint8, encoding="zlib")
    refused("give --image_size", tmp_path, feature, values)
    assert stored(tmp_path, feature, values, image_size=4) == ((4, 4, 3), {fitted(value, 4) for value in values})


def test_files_of_several_sizes_need_a_size(tmp_path):
    values = [noise(1, 20 + n, 40 - n, 3)[0] for n in range(20)]
    feature = tfds.features.Image(shape=(None, None, 3))
    files = [encoded(value) for value in values]
    says = refused("tfds:toys in .* has images of several sizes; give --image_size", tmp_path, feature, files)
    assert str(tmp_path / "toys") in says
    assert stored(tmp_path, feature, files, image_size=8) == ((8, 8, 3), {fitted(value, 8) for value in values})


def test_files_of_one_size_are_resized_where_it_is_another(tmp_path):
    values = noise(20, 8, 8, 3)
    feature, files = tfds.features.Image(shape=(8, 8, 3)), [encoded(value) for value in values]
    assert stored(tmp_path, feature, files, image_size=8) == ((8, 8, 3), set(map(bytes, values)))
    assert stored(tmp_path, feature, files, image_size=5) == ((5, 5, 3), {fitted(value, 5) for value in values})


def test_jpegs_come_out_as_pillow_decodes_them(tmp_path):
    files = [encoded(value, "JPEG") for value in noise(20, 16, 16, 3)]
    decoded = {bytes(np.asarray(Image.open(io.BytesIO(file)))) for file in files}
    assert stored(tmp_path, tfds.features.Image(shape=(16, 16, 3)), files) == ((16, 16, 3), decoded)


def test_grey_and_indexed_files_in_a_set_of_colours(tmp_path):
    grey, indexed = noise(10, 6, 5, 1), Image.fromarray(noise(1, 6, 5, 3)[0]).convert("P")
    file = io.BytesIO()
    indexed.save(file, "PNG")
    files = [*map(encoded, grey), file.getvalue()]
    wanted = {bytes(np.repeat(each, 3, -1)) for each in grey} | {bytes(np.asarray(indexed.convert("RGB")))}
    assert stored(tmp_path, tfds.features.Image(shape=(6, 5, 3)), files) == ((6, 5, 3), wanted)


@pytest.mark.parametrize("kind", ["files", "numbers"])
def test_transparent_images_are_laid_on_white(tmp_path, kind):
    values = noise(20, 6, 5, 4)
    values[:, :3, :, 3] = 255
    values[:, 3:, :, 3] = 0
    wanted = values[..., :3].copy()
    wanted[:, 3:] = 255
    feature = tfds.features.Tensor(shape=(6, 5, 4), dtype=np.uint8)
    if kind == "files":
        feature, values = tfds.features.Image(shape=(6, 5, 4)), [encoded(value) for value in values]
    assert stored(tmp_path, feature, values) == ((6, 5, 3), set(map(bytes, wanted)))


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (tfds.features.Tensor(shape=(6, 5, 2), dtype=np.uint8), noise(1, 6, 5, 2)[0]),
        (tfds.features.Tensor(shape=(30,), dtype=np.uint8), noise(1, 30)[0]),
        (tfds.features.Tensor(shape=(2, 6, 5, 3), dtype=np.uint8), noise(1, 2, 6, 5, 3)[0]),
        (tfds.features.Tensor(shape=(6, 5, 3), dtype=np.float32), np.zeros((6, 5, 3), np.float32)),
        (tfds.features.Image(shape=(6, 5, 1), dtype=np.uint16), encoded(noise(1, 6, 5, 1)[0])),
        (tfds.features.Text(), "cat"),
        (tfds.features.ClassLabel(num_classes=3), 2),
        (tfds.features.Sequence(tfds.features.Scalar(np.uint8)), [1, 2]),
        ({"pixels": tfds.features.Scalar(np.uint8)}, {"pixels": 1}),
    ],
)
def test_a_feature_image_that_holds_none_is_refused(tmp_path, feature, value):
    refused("has no images to learn from: .* found image ", tmp_path, feature, [value] * 10)


def test_a_set_without_a_feature_image_is_refused_with_those_that_it_has(tmp_path):
    known = {"picture": tfds.features.Image(shape=(6, 5, 1)), "text": tfds.features.Text()}
    splits = {"train": [{"picture": encoded(noise(1, 6, 5, 1)[0]), "text": "a"}]}
    prepare(tmp_path, splits, known)
    with pytest.raises(Refused, match=r"found picture Image\(shape=\(6, 5, 1\), dtype=uint8\); text Text\("):
        tfds_sets.tfds_dataset("toys", str(tmp_path))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (encoded(noise(1, 7, 5, 1)[0]), r"an image of the shape \(7, 5, 1\) and not \(6, 5, 1\)"),
        (encoded(noise(1, 6, 5, 1)[0])[:-20], "cut short, or a checksum"),
        (encoded(noise(1, 6, 5, 1)[0])[:40], "cut short, or a checksum"),
        (b"\xff\xd8\xff", "cannot identify image"),
        (b"", "cannot identify image"),
    ],
)
def test_a_damaged_image_in_a_whole_record_is_refused(tmp_path, value, says):
    files = [*map(encoded, noise(9, 6, 5, 1)), value]
    message = refused(says, tmp_path, tfds.features.Image(shape=(6, 5, 1)), files)
    assert "toys-train.array_record-00000-of-00001 " in message
