"""Sets of images that TensorFlow Datasets (TFDS) knows or has prepared, read without TensorFlow.

A set is prepared once, as NAME/VERSION or NAME/CONFIG/VERSION. Such a folder is looked for in the data folder's `tfds`,
in the data folder, and where TFDS itself keeps its sets: in TFDS_DATA_DIR, or ~/tensorflow_datasets.
"""

import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset, in_three
from jaxgen.data.formats import tfds_records
from jaxgen.data.formats.tfds_records import Images, Shard, reading
from jaxgen.data.places import expanded
from jaxgen.data.rows import RESIDENT

FORMAT = "array_record"  # the only one of TFDS's formats that is read without TensorFlow
NAMED = re.compile(r"\w[\w.+=@,-]*")
VERSION = re.compile(r"\d+\.\d+\.\d+")
SPLITS = ("train", "test", "validation")  # with train and one other, that is what is tested on
UNKNOWN = -1  # the label that TFDS gives to images without one
DECODER = 1  # to be raised when the same record decodes to other pixels: cached ones are then not taken


def load(spec: str, data_dir: str = "", image_size: int = 0, resident: int = RESIDENT) -> Dataset:
    """The set `tfds:SPEC` in TFDS's splits; `train` is cut where one of the others is missing.

    Images are the feature `image`, on white where they are transparent. Without a feature `label` of class numbers, or
    where an image has none, the set has no classes.

    Args:
        spec: NAME, or NAME:CONFIG.
        data_dir: folder that is searched first, and in which the set is prepared where it is found nowhere.
        image_size: side of the square that all images are brought to: the shorter side is resized to it, and the
            longer one cut alike at both ends. 0: all have one size of their own.
        resident: bytes of images up to which the set is held in memory; more are decoded once, into the cache folder.

    Raises:
        Refused: an unknown name, a set that only TensorFlow can prepare, one without images or with images of
            several sizes and no `image_size`, a damaged or missing file.
    """
    if image_size < 0:
        raise Refused(f"an image size is 1 or more, or 0 for the images' own; found {image_size}")
    name, config = parse(spec)
    places = roots(data_dir)
    folder = find(name, config, places)
    if folder is None:
        from jaxgen.data.images import prepare

        prepare.require(name, config, places)
        folder = prepare.build(name, config, data_dir, places[0])
    info = _described(folder)
    features = dict(info.features) if hasattr(info.features, "keys") else {"": info.features}
    try:
        images = tfds_records.images(features.get("image"), image_size)
    except Refused as refusal:
        raise Refused(f"tfds:{spec} in {folder} {refusal}") from refusal
    if images is None:
        found = "; ".join(f"{name} {' '.join(repr(each).split())}".strip() for name, each in sorted(features.items()))
        raise Refused(
            f"tfds:{spec} in {folder} has no images to learn from: expected a feature `image` of uint8 with 1, 3 or 4 "
            f"channels, found {found}"
        )
    classes = _classes(features.get("label"))
    parts = _shards(spec, folder, info)
    total = math.prod(images.shape) * sum(shard.records for shards in parts.values() for shard in shards)
    limit = resident if total <= resident else 0  # all of a set is in memory, or nothing
    read = {part: _examples(shards, images, len(classes), image_size, limit) for part, shards in parts.items()}
    if any(part.label.min() == UNKNOWN for part in read.values()):
        read, classes = {name: Examples(part.image, 0 * part.label) for name, part in read.items()}, ()
    return dataset(f"tfds:{spec}", images.shape, classes, *in_three(*read.values()))


def parse(spec: str) -> tuple[str, str]:
    """NAME and CONFIG, which is "" where there is none. Raises Refused where they could not be names of folders."""
    name, colon, config = spec.partition(":")
    for part in (name, config) if colon else (name,):
        if not NAMED.fullmatch(part) or ".." in part:
            raise Refused(f"expected tfds:NAME or tfds:NAME:CONFIG, found {f'tfds:{spec}'!r}")
    return name, config


def roots(data_dir: str) -> tuple[Path, ...]:
    """The folders in which prepared sets are looked for, in order; what is prepared here goes to the first."""
    own = expanded(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    given = expanded(data_dir)
    return (given / "tfds", given, own) if data_dir else (own,)


def find(name: str, config: str, places: Sequence[Path]) -> Path | None:
    """The newest version of a prepared set in the first folder that has one.

    Raises Refused where the set is prepared in several configurations and none is named.
    """
    for place in places:
        found = _versions(place / name / config)
        if not (found or config):
            configs = {each.name: versions for each in _folders(place / name) if (versions := _versions(each))}
            if len(configs) > 1:
                choices = ", ".join(f"tfds:{name}:{config}" for config in configs)
                raise Refused(f"{place / name} has several configurations; choose one of {choices}")
            found = next(iter(configs.values()), [])
        if found:
            return max(found, key=lambda folder: [int(number) for number in folder.name.split(".")])
    return None


def _folders(place: Path) -> list[Path]:
    with reading(place):
        return sorted(each for each in place.iterdir() if each.is_dir()) if place.is_dir() else []


def _versions(place: Path) -> list[Path]:
    return [folder for folder in _folders(place) if VERSION.fullmatch(folder.name)]


def _described(folder: Path) -> Any:
    """TFDS's DatasetInfo of a prepared set. Raises Refused where it is damaged, or of another format."""
    import tensorflow_datasets as tfds

    for file in ("features.json", "dataset_info.json"):
        with reading(folder / file):
            content = json.loads((folder / file).read_text())
            formats = [content.get("fileFormat", "tfrecord"), *content.get("alternativeFileFormats", ())]
    if FORMAT not in formats:
        raise Refused(
            f"{folder} is prepared as {formats[0]}, and only {FORMAT} is read without TensorFlow; where that is "
            f"installed, run `tfds convert_format --dataset_version_dir={folder} --out_file_format={FORMAT}` once"
        )
    with reading(folder):
        info = tfds.builder_from_directory(folder).info
        info.set_file_format(FORMAT, override=True, override_if_initialized=True)
        return info


def _classes(label: Any) -> tuple[str, ...]:
    """The names of the classes of a feature; none where it has no class numbers."""
    import tensorflow_datasets as tfds

    return tuple(label.names) if isinstance(label, tfds.features.ClassLabel) and label.num_classes else ()


def _shards(spec: str, folder: Path, info: Any) -> dict[str, list[Shard]]:
    """The files of SPLITS, each of which exists and has its records. Raises Refused where there is no `train`."""
    with reading(folder):
        parts = {
            name: [Shard(Path(each.filename), each.examples_in_shard) for each in info.splits[name].file_instructions]
            for name in SPLITS
            if name in info.splits and info.splits[name].num_examples
        }
    if "train" not in parts:
        raise Refused(f"tfds:{spec} in {folder} has no images in a split `train`; found {', '.join(info.splits)}")
    for shards in parts.values():
        tfds_records.check(shards)
    return parts


def _examples(shards: list[Shard], images: Images, classes: int, image_size: int, resident: int) -> Examples:
    """Images and labels of a split; of a set without classes, labels are zeros."""
    count = sum(shard.records for shard in shards)
    stats = [(str(shard.path.resolve()), shard.path.stat()) for shard in shards]
    files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    label = np.zeros(count, np.int32)
    if classes:  # read before the images, since that takes longer
        column = rows.gather(count, 4, lambda: tfds_records.labels(shards), ("labels", files), resident)
        label = rows.read(column, slice(None)).view(np.int32)[:, 0]
        if label.min() < UNKNOWN or label.max() >= classes:
            raise Refused(
                f"{shards[0].path.parent} is damaged: expected labels from 0 to {classes - 1}, found {label.min()} to "
                f"{label.max()}"
            )
    width, identity = math.prod(images.shape), ("tfds", DECODER, files, image_size)
    return Examples(rows.gather(count, width, lambda: tfds_records.rows(shards, images), identity, resident), label)
