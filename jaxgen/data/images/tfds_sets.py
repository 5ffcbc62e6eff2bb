"""Sets of images that TensorFlow Datasets (TFDS) has prepared, read without TensorFlow.

A set that is not prepared yet is prepared first, if `prepare` can do that.
"""

import math
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset, in_three
from jaxgen.data.formats import tfds_folders, tfds_records
from jaxgen.data.formats.tfds_records import ImageDecoder, Shard
from jaxgen.data.places import shown
from jaxgen.data.rows import RESIDENT

SPLITS = ("train", "test", "validation")  # with only one besides train, it is the test split
UNKNOWN = -1  # TFDS's label of images without one
MOST_PACKED = 2000  # bytes of an image in a byte of a PNG or JPEG file, at most
DECODER = 1  # part of the cache's identity; raise it when the same record decodes to other pixels


def tfds_dataset(spec: str, data_dir: str = "", image_size: int = 0, resident: int = RESIDENT) -> Dataset:
    """The set `tfds:SPEC` in TFDS's splits; `train` is cut where one of the others is missing.

    Images are the feature `image`; transparent pixels become white. Without a feature `label` of class numbers, or
    where an image has no label, the set has no classes.

    Args:
        spec: NAME, or NAME:CONFIG.
        data_dir: folder that is searched first, and in which the set is prepared where it is not found.
        image_size: side of a square: the shorter side of each image is resized to it, and the longer one then cropped
            at both ends. 0: images must have one size, which is kept.
        resident: bytes up to which images are held in memory; more are decoded once into the cache folder.

    Raises:
        Refused: the name is unknown, only TensorFlow can prepare the set, it has no images, or images of several
            sizes while `image_size` is 0, or a file is damaged or missing.
    """
    if image_size < 0:
        raise Refused(f"an image size is 1 or more, or 0 for the images' own; found {image_size}")
    name, config = tfds_folders.parse_spec(spec)
    roots = tfds_folders.roots(data_dir)
    folder = tfds_folders.prepared_folder(name, config, roots)
    if folder is None:
        from jaxgen.data.images import prepare

        prepare.check_preparable(name, config, roots)
        folder = prepare.prepare_set(name, config, data_dir, roots[0])
    info = tfds_folders.description(folder)
    features = tfds_folders.features_by_name(info)
    try:
        decoder = tfds_records.image_decoder(features.get("image"), image_size)
    except Refused as refusal:
        raise Refused(f"tfds:{spec} in {folder} {refusal}") from refusal
    if decoder is None:
        listed = "; ".join(f"{name} {' '.join(repr(each).split())}".strip() for name, each in sorted(features.items()))
        raise Refused(
            f"tfds:{spec} in {folder} has no images to learn from: expected a feature `image` of uint8 with 1, 3 or 4 "
            f"channels, found {shown(listed, 150)}"
        )
    classes = _classes(features.get("label"))
    parts = tfds_folders.shards_of(folder, info, SPLITS)
    if "train" not in parts:
        raise Refused(
            f"tfds:{spec} in {folder} has no images in a split `train`; found {shown(', '.join(info.splits), 60)}"
        )
    for shards in parts.values():
        tfds_records.check_shards(shards)
    every = [shard for shards in parts.values() for shard in shards]
    total, stored = math.prod(decoder.shape) * sum(each.records for each in every), sum(_size(each) for each in every)
    if not image_size and total > MOST_PACKED * stored:  # before as much is allocated
        raise Refused(f"tfds:{spec} in {folder} claims {total:,} bytes of images, of {stored:,}: not believable")
    limit = resident if total <= resident else 0  # the whole set is in memory, or no part of it
    splits = [_examples(shards, decoder, len(classes), image_size, limit) for shards in parts.values()]
    if any(examples.label.min() == UNKNOWN for examples in splits):
        splits, classes = [Examples(examples.image, 0 * examples.label) for examples in splits], ()
    return dataset(f"tfds:{spec}", decoder.shape, classes, *in_three(*splits))


def _size(shard: Shard) -> int:
    return shard.path.stat().st_size


def _classes(label: Any) -> tuple[str, ...]:
    """The class names of a feature ClassLabel; () for another feature or None."""
    import tensorflow_datasets as tfds

    return tuple(label.names) if isinstance(label, tfds.features.ClassLabel) and label.num_classes else ()


def _examples(shards: list[Shard], decoder: ImageDecoder, classes: int, image_size: int, resident: int) -> Examples:
    """Images and labels of a split; labels are zeros where the number of classes is 0."""
    count = sum(shard.records for shard in shards)
    stats = [(str(shard.path.resolve()), shard.path.stat()) for shard in shards]
    files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    label = np.zeros(count, np.int32)
    if classes:  # before the images, which take longer, so that damage is reported early
        column = rows.gather(count, 4, lambda: tfds_records.label_blocks(shards), ("labels", files), resident)
        label = rows.read(column, slice(None)).view(np.int32)[:, 0]
        if label.min() < UNKNOWN or label.max() >= classes:
            raise Refused(
                f"{shards[0].path.parent} is damaged: expected labels from 0 to {classes - 1}, found {label.min()} to "
                f"{label.max()}"
            )
    width, identity = math.prod(decoder.shape), ("tfds", DECODER, files, image_size)
    image = rows.gather(count, width, lambda: tfds_records.image_blocks(shards, decoder), identity, resident)
    return Examples(image, label)
