"""Images and labels in the records of a prepared TFDS set, decoded without TensorFlow.

A record is a tf.train.Example. Images lie in it as PNG or JPEG files (feature Image) or as numbers (feature Tensor).

n          records in a block
H, W, C    height, width, channels of an image as it is learnt from; D = H * W * C
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
from jaxgen.data.rows import BLOCK

MOST = 4096  # records in a block, however small they are


class Shard(NamedTuple):
    """A file of a split."""

    path: Path
    records: int  # that it should have


class Images(NamedTuple):
    """How a set's images become rows."""

    shape: tuple[int, int, int]  # H, W, C
    decode: Callable[[Sequence[bytes]], np.ndarray]  # n records -> [n, D] uint8


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns whatever is raised about a damaged file, in some ten types, into one sentence: Refused."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except ImportError as error:
        raise Refused(f"{path} cannot be read without the library {error.name}, which is not installed") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Refused(f"{path} is damaged: {reason}; fetch or prepare it again") from error


def check(shards: Sequence[Shard]) -> None:
    """Raises Refused where a file is missing, or has not the records that it should have."""
    for path, count in shards:
        if not path.is_file():
            raise Refused(f"{path} is missing; fetch or prepare it again")
        with reading(path), _opened(path) as reader:
            found = reader.num_records()
        if found != count:
            raise Refused(f"{path} is damaged: expected {count:,} records, found {found:,}; fetch or prepare it again")


def _opened(path: Path) -> Any:
    from array_record.python.array_record_module import ArrayRecordReader

    return contextlib.closing(ArrayRecordReader(str(path), "readahead_buffer_size:0"))


def _blocks(shards: Sequence[Shard], size: int) -> Iterator[tuple[Path, list[bytes]]]:
    """All records in order, with the file they are in, few enough that n images of `size` bytes are a block.

    Raises Refused where a file is damaged: array_record has a checksum for every record.
    """
    for path, count in shards:
        with contextlib.ExitStack() as stack:
            with reading(path):
                reader = stack.enter_context(_opened(path))
                stored = max(1, path.stat().st_size // count)
            step = max(1, min(MOST, BLOCK // size, BLOCK // stored))
            for first in range(0, count, step):
                with reading(path):
                    records = reader.read(list(range(first, min(first + step, count))))
                yield path, records


def rows(shards: Sequence[Shard], images: Images) -> Iterator[np.ndarray]:
    """All images in order: [n, D] uint8 each. Raises Refused where an image is damaged or has another size."""
    for path, records in _blocks(shards, math.prod(images.shape)):
        with reading(path):
            found = images.decode(records)
        yield found


def labels(shards: Sequence[Shard]) -> Iterator[np.ndarray]:
    """All class numbers in order, as the bytes of int32: [n, 4] uint8 each. Raises Refused where one is missing."""
    for path, records in _blocks(shards, 4):
        with reading(path):
            found = [feature["label"].int64_list.value[0] for feature in _features(records)]
            column = np.array(found, np.int32)[:, None].view(np.uint8)
        yield column


def _features(records: Sequence[bytes]) -> Iterator[Any]:
    """Name -> value, of each record. Of what is missing the value is empty, so that [0] of it raises."""
    from tensorflow_datasets.proto import tf_example_pb2

    return (tf_example_pb2.Example.FromString(record).features.feature for record in records)


def images(feature: Any, image_size: int) -> Images | None:
    """What reads the images of a feature; None where it holds none that could be learnt from.

    Args:
        feature: TFDS's Image, [height, width, 1, 3 or 4] uint8, or Tensor, which may lack the last axis.
        image_size: side of the square that the shorter side is resized to and the longer one cut to; 0: as they are.

    Raises:
        Refused: sizes vary and `image_size` is 0.
    """
    import tensorflow_datasets as tfds

    stored = isinstance(feature, tfds.features.Image)
    if not (stored or isinstance(feature, tfds.features.Tensor)) or feature.np_dtype != np.uint8:
        return None
    declared = (*feature.shape, 1) if len(feature.shape) == 2 else feature.shape
    if len(declared) != 3 or declared[2] not in (1, 3, 4):
        return None
    if not image_size and None in declared[:2]:
        raise Refused("has images of several sizes; give --image_size, the side of the square that all are brought to")
    height, width = (image_size, image_size) if image_size else declared[:2]
    shape = (height, width, 1 if declared[2] == 1 else 3)
    plain = declared == shape  # nothing to resize, nothing transparent
    numbers = None if stored else _numbers(feature)

    def row(picture):
        array = pixels.to_array(pixels.drafted(picture, image_size), image_size, shape[2])
        if array.shape != shape:
            raise ValueError(f"an image of the shape {array.shape} and not {shape}")
        return array.reshape(-1)

    def decode(records):
        pictures: Iterator[Any]
        if numbers is None:
            files = _files(records)
            whole = png.decode(files, *shape) if plain else None
            pictures = (pixels.opened(io.BytesIO(file)) for file in files)
        else:
            arrays = numbers(records)
            whole = np.stack(list(arrays)).reshape(len(records), -1) if plain else None
            pictures = map(_picture, arrays)
        if whole is not None:
            return whole
        with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
            warnings.simplefilter("ignore")  # Pillow's remarks on notes that cameras leave
            return np.stack(list((pool.map if image_size else map)(row, pictures)))

    return Images(shape, decode)


def _files(records: Sequence[bytes]) -> list[bytes]:
    """The images of an Image feature, as they are stored."""
    return [feature["image"].bytes_list.value[0] for feature in _features(records)]


def _numbers(feature: Any) -> Callable[[Sequence[bytes]], Iterator[np.ndarray]]:
    """What makes arrays of the images of a Tensor; TFDS itself undoes their compression and flat shape."""
    import tensorflow_datasets as tfds

    parser = tfds.features.FeaturesDict({"image": feature})  # of the other features nothing is read
    return lambda records: (parser.deserialize_example_np(record)["image"] for record in records)


def _picture(array: np.ndarray) -> Any:
    from PIL import Image

    array = np.ascontiguousarray(array)
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)
