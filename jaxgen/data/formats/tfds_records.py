"""Decoding of the records of a prepared TFDS set without TensorFlow.

A record is a tf.train.Example. Its images are PNG or JPEG files (feature Image) or numbers (feature Tensor).

n          records in a block
H, W, C    height, width, channels of an image after resizing; D = H * W * C
"""

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import png
from jaxgen.data.images import pixels
from jaxgen.data.places import reason_of, shown
from jaxgen.data.rows import BLOCK

LONGEST = 255  # letters of a file's name
MOST = 4096  # records in a block at most


class Shard(NamedTuple):
    """A file of a split."""

    path: Path
    records: int  # their number according to the set's description


class ImageDecoder(NamedTuple):
    """A function that decodes records to images, and the shape of these."""

    shape: tuple[int, int, int]  # H, W, C
    decode: Callable[[Sequence[bytes]], np.ndarray]  # n records -> [n, D] uint8


@contextlib.contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Within it, the exceptions of damaged files, of some ten types, become Refused with a sentence."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except ImportError as error:
        raise Refused(f"{path} cannot be read without the library {error.name}, which is not installed") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise Refused(f"{path} is damaged: {reason_of(error)}; fetch or prepare it again") from error


def check_shards(shards: Sequence[Shard]) -> None:
    """Raises Refused where a file is missing, or has another number of records than declared."""
    for path, count in shards:
        if len(path.name) > LONGEST:  # so that no system can look for it
            raise Refused(f"{path.parent} is damaged: its description names a file {shown(path.name, 60)!r}")
        if not path.is_file():
            raise Refused(f"{path} is missing; fetch or prepare it again")
        with refusing_damage(path), _opened(path) as reader:
            actual = reader.num_records()
        if actual != count:
            raise Refused(f"{path} is damaged: expected {count:,} records, found {actual:,}; fetch or prepare it again")


def _opened(path: Path) -> Any:
    from array_record.python.array_record_module import ArrayRecordReader

    return contextlib.closing(ArrayRecordReader(str(path), "readahead_buffer_size:0"))


def record_blocks(shards: Sequence[Shard], size: int) -> Iterator[tuple[Path, list[bytes]]]:
    """(file, n records) for all records in order, with n so small that neither they nor n * `size` bytes exceed BLOCK.

    Raises Refused where a file is damaged: array_record has a checksum for every record.
    """
    for path, count in shards:
        with contextlib.ExitStack() as stack:
            with refusing_damage(path):
                reader = stack.enter_context(_opened(path))
                stored = max(1, path.stat().st_size // count)
            step = max(1, min(MOST, BLOCK // size, BLOCK // stored))
            for first in range(0, count, step):
                with refusing_damage(path):
                    records = reader.read(list(range(first, min(first + step, count))))
                yield path, records


def image_blocks(shards: Sequence[Shard], decoder: ImageDecoder) -> Iterator[np.ndarray]:
    """All images in order: [n, D] uint8 each. Raises Refused where an image is damaged or has another size."""
    for path, records in record_blocks(shards, math.prod(decoder.shape)):
        with refusing_damage(path):
            block = decoder.decode(records)
        yield block


def label_blocks(shards: Sequence[Shard]) -> Iterator[np.ndarray]:
    """All class numbers in order, as the bytes of int32: [n, 4] uint8 each. Raises Refused where one is missing."""
    for path, records in record_blocks(shards, 4):
        with refusing_damage(path):
            numbers = [features["label"].int64_list.value[0] for features in parsed_features(records)]
            block = np.array(numbers, np.int32)[:, None].view(np.uint8)
        yield block


def parsed_features(records: Sequence[bytes]) -> Iterator[Any]:
    """The features of each record: name -> value. The value of a missing feature is empty, so that [0] of it raises."""
    from tensorflow_datasets.proto import tf_example_pb2

    return (tf_example_pb2.Example.FromString(record).features.feature for record in records)


def image_decoder(feature: Any, image_size: int) -> ImageDecoder | None:
    """The decoder of the images of a feature; None where the feature has no uint8 images of 1, 3 or 4 channels.

    Args:
        feature: TFDS's Image [height, width, channels], or Tensor, which may lack the last axis.
        image_size: side of a square: the shorter side of each image is resized to it, the longer one is then cropped.
            0: sizes are kept.

    Raises:
        Refused: sizes vary and `image_size` is 0.
    """
    import tensorflow_datasets as tfds

    stored = isinstance(feature, tfds.features.Image)
    if not (stored or isinstance(feature, tfds.features.Tensor)) or feature.np_dtype != np.uint8:
        return None
    declared = (*feature.shape, 1) if len(feature.shape) == 2 else feature.shape
    if len(declared) != 3 or declared[2] not in (1, 3, 4) or any(side is not None and side < 1 for side in declared):
        return None
    if not image_size and None in declared[:2]:
        raise Refused("has images of several sizes; give --image_size, the side of the square that all are brought to")
    height, width = (image_size, image_size) if image_size else declared[:2]
    shape = (height, width, 1 if declared[2] == 1 else 3)
    plain = declared == shape  # no resizing and no transparency
    numbers = None if stored else _array_decoder(feature)

    def row(picture):
        array = pixels.to_array(pixels.drafted(picture, image_size), image_size, shape[2])
        if array.shape != shape:
            raise ValueError(f"an image of the shape {array.shape} and not {shape}")
        return array.reshape(-1)

    def decode(records):
        pictures: Iterator[Any]
        if numbers is None:
            files = _files(records)
            block = png.decode_pngs(files, *shape) if plain else None
            pictures = (pixels.opened(io.BytesIO(file)) for file in files)
        else:
            arrays = numbers(records)
            block = np.stack(list(arrays)).reshape(len(records), -1) if plain else None
            pictures = map(_picture, arrays)
        if block is not None:
            return block
        with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
            warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF data, which does no harm
            return np.stack(list((pool.map if image_size else map)(row, pictures)))

    return ImageDecoder(shape, decode)


def _files(records: Sequence[bytes]) -> list[bytes]:
    """The image files of an Image feature."""
    return [features["image"].bytes_list.value[0] for features in parsed_features(records)]


def _array_decoder(feature: Any) -> Callable[[Sequence[bytes]], Iterator[np.ndarray]]:
    """A function from records to the arrays of a Tensor feature, decompressed and reshaped by TFDS itself."""
    import tensorflow_datasets as tfds

    parser = tfds.features.FeaturesDict({"image": feature})  # other features are not parsed
    return lambda records: (parser.deserialize_example_np(record)["image"] for record in records)


def _picture(array: np.ndarray) -> Any:
    from PIL import Image

    array = np.ascontiguousarray(array)
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)
