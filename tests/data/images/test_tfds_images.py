"""Every way in which TFDS may store images."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageOps
from prepared import encoded, noise, prepare
from refusals import refused

from jaxgen.data.images import tfds_sets

pytestmark = pytest.mark.ci
Tensor, Files = tfds.features.Tensor, tfds.features.Image


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A function from a feature and values to the shape and the rows, as a set, of a set of these images."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    made = iter(range(100))

    def read(feature, values, *sizes):
        root = tmp_path / str(next(made))
        prepare(root, {"train": [{"image": value} for value in values]}, {"image": feature})
        for size in sizes or (0,):
            found = tfds_sets.tfds_dataset("toys", str(root), image_size=size)
            yield found.shape, {bytes(row) for part in found[3:6] for row in part.image}

    return read


def fitted(arrays, side):
    """What Pillow makes of images that are brought to a square."""
    images = [ImageOps.fit(Image.fromarray(array), (side, side), Image.Resampling.LANCZOS) for array in arrays]
    return {bytes(np.asarray(image)) for image in images}


def test_numbers(stored):
    for shape, encoding in (((6, 5), "none"), ((6, 5, 1), "bytes"), ((6, 5, 3), "zlib")):
        image = noise(20, *shape)
        found = stored(Tensor(shape=shape, dtype=np.uint8, encoding=encoding), image)
        assert [*found] == [((*shape, 1)[:3], set(map(bytes, image)))]


def test_several_sizes_need_a_size(stored):
    values = [noise(1, 6 + n % 3, 5, 3)[0] for n in range(20)]
    numbers = Tensor(shape=(None, None, 3), dtype=np.uint8, encoding="zlib")
    for feature, content in ((numbers, values), (Files(shape=(None, None, 3)), [*map(encoded, values)])):
        refused("tfds:toys in .* has images of several sizes; give --image_size", next, stored(feature, content))
        assert [*stored(feature, content, 4)] == [((4, 4, 3), fitted(values, 4))]
    values = noise(20, 8, 8, 3)
    found = stored(Files(shape=(8, 8, 3)), [*map(encoded, values)], 8, 5)
    assert [*found] == [((8, 8, 3), set(map(bytes, values))), ((5, 5, 3), fitted(values, 5))]


def test_files_come_out_as_pillow_decodes_them(stored):
    """JPEGs, and grey and indexed ones in a set of colours."""
    files = [encoded(value, "JPEG") for value in noise(20, 16, 16, 3)]
    decoded = {bytes(np.asarray(Image.open(io.BytesIO(file)))) for file in files}
    assert [*stored(Files(shape=(16, 16, 3)), files)] == [((16, 16, 3), decoded)]
    grey, indexed = noise(10, 6, 5, 1), Image.fromarray(noise(1, 6, 5, 3)[0]).convert("P")
    file = io.BytesIO()
    indexed.save(file, "PNG")
    wanted = {bytes(np.repeat(each, 3, -1)) for each in grey} | {bytes(np.asarray(indexed.convert("RGB")))}
    assert [*stored(Files(shape=(6, 5, 3)), [*map(encoded, grey), file.getvalue()])] == [((6, 5, 3), wanted)]


def test_transparent_images_are_laid_on_white(stored):
    values = noise(20, 6, 5, 4)
    values[:, :3, :, 3] = 255
    values[:, 3:, :, 3] = 0
    wanted = values[..., :3].copy()
    wanted[:, 3:] = 255
    for found in (
        stored(Tensor(shape=(6, 5, 4), dtype=np.uint8), values),
        stored(Files(shape=(6, 5, 4)), [*map(encoded, values)]),
    ):
        assert [*found] == [((6, 5, 3), set(map(bytes, wanted)))]


def test_a_feature_image_that_holds_none_is_refused(stored):
    for feature, value in [
        (Tensor(shape=(6, 5, 2), dtype=np.uint8), noise(1, 6, 5, 2)[0]),
        (Tensor(shape=(2, 6, 5, 3), dtype=np.uint8), noise(1, 2, 6, 5, 3)[0]),
        (Tensor(shape=(6, 5, 3), dtype=np.float32), np.zeros((6, 5, 3), np.float32)),
        (tfds.features.Text(), "cat"),
        (tfds.features.Sequence(tfds.features.Scalar(np.uint8)), [1, 2]),
        ({"pixels": tfds.features.Scalar(np.uint8)}, {"pixels": 1}),
    ]:
        refused("has no images to learn from: .* found image ", next, stored(feature, [value] * 10))


def test_a_set_without_a_feature_image_is_refused_with_those_that_it_has(tmp_path):
    known = {"picture": Files(shape=(6, 5, 1)), "text": tfds.features.Text()}
    splits = {"train": [{"picture": encoded(noise(1, 6, 5, 1)[0]), "text": "a"}]}
    prepare(tmp_path, splits, known)
    found = r"found picture Image\(shape=\(6, 5, 1\), dtype=uint8\); text Text\("
    refused(found, tfds_sets.tfds_dataset, "toys", str(tmp_path))


def test_a_damaged_image_in_a_whole_record_is_refused(stored):
    for value, says in [
        (encoded(noise(1, 7, 5, 1)[0]), r"an image of the shape \(7, 5, 1\) and not \(6, 5, 1\)"),
        (encoded(noise(1, 6, 5, 1)[0])[:-20], "cut short, or a checksum"),
        (b"\xff\xd8\xff", "cannot identify image"),
    ]:
        message = refused(says, next, stored(Files(shape=(6, 5, 1)), [*map(encoded, noise(9, 6, 5, 1)), value]))
        assert "toys-train.array_record-00000-of-00001 " in message
