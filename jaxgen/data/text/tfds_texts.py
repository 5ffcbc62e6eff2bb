"""Sets of texts that TensorFlow Datasets (TFDS) has prepared, read without TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.formats import tfds_records
from jaxgen.data.formats.tfds_records import Shard, reading
from jaxgen.data.images import tfds_sets

SPLIT, FEATURE = "train", "text"


def read(spec: str, data_dir: str = "") -> Iterator[str]:
    r"""The feature `text` of all examples of the split `train`, as TFDS orders them, joined with a newline.

    Args:
        spec: NAME, or NAME:CONFIG.
        data_dir: folder that is searched first.

    Raises:
        Refused: an unknown name, a set that is not prepared or has no such feature or split, a damaged or missing file.
    """
    name, config = tfds_sets.parse(spec)
    places = tfds_sets.roots(data_dir)
    folder = tfds_sets.find(name, config, places)
    if folder is None:
        from jaxgen.data.images import prepare

        prepare.require(name, config, places)
        raise Refused(f"tfds:{spec} is a set of images and has no texts")  # all that can be prepared are
    info = tfds_sets._described(folder)
    _check(spec, folder, info)
    with reading(folder):
        files = info.splits[SPLIT].file_instructions
        shards = [Shard(Path(each.filename), each.examples_in_shard) for each in files]
    tfds_records.check(shards)
    return _joined(shards)


def _check(spec: str, folder: Path, info: Any) -> None:
    import tensorflow_datasets as tfds

    features = dict(info.features) if hasattr(info.features, "keys") else {"": info.features}
    if not isinstance(features.get(FEATURE), tfds.features.Text):
        found = ", ".join(sorted(features))
        raise Refused(f"tfds:{spec} in {folder} has no feature `{FEATURE}` of class Text; found {found}")
    if SPLIT not in info.splits or not info.splits[SPLIT].num_examples:
        raise Refused(f"tfds:{spec} in {folder} has no texts in a split `{SPLIT}`; found {', '.join(info.splits)}")


def _joined(shards: list[Shard]) -> Iterator[str]:
    before = ""
    for path, records in tfds_records._blocks(shards, 1):
        with reading(path):
            found = [each[FEATURE].bytes_list.value[0].decode() for each in tfds_records._features(records)]
        yield before + "\n".join(each.replace("\r\n", "\n").replace("\r", "\n") for each in found)
        before = "\n"
