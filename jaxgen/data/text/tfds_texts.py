"""Texts of sets that TensorFlow Datasets (TFDS) has prepared, read without TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.formats import tfds_folders
from jaxgen.data.formats.tfds_records import Shard, check_shards, parsed_features, record_blocks, refusing_damage
from jaxgen.data.places import shown

SPLIT, FEATURE = "train", "text"


def tfds_text_blocks(spec: str, data_dir: str = "") -> Iterator[str]:
    r"""The feature `text` of all examples of the split `train`, as TFDS orders them, joined with a newline.

    Args:
        spec: NAME, or NAME:CONFIG.
        data_dir: folder that is searched first.

    Raises:
        Refused: the name is unknown, the set is not prepared or has no such feature or split, or a file is damaged or
            missing.
    """
    name, config = tfds_folders.parse_spec(spec)
    roots = tfds_folders.roots(data_dir)
    folder = tfds_folders.prepared_folder(name, config, roots)
    if folder is None:
        from jaxgen.data.images import prepare

        prepare.check_preparable(name, config, roots)
        raise Refused(f"tfds:{spec} is a set of images and has no texts")  # as all sets that can be prepared
    info = tfds_folders.description(folder)
    _check_feature(spec, folder, info)
    parts = tfds_folders.shards_of(folder, info, [SPLIT])
    if SPLIT not in parts:
        raise Refused(
            f"tfds:{spec} in {folder} has no texts in a split `{SPLIT}`; found {shown(', '.join(info.splits), 60)}"
        )
    check_shards(parts[SPLIT])
    return _blocks(parts[SPLIT])


def _check_feature(spec: str, folder: Path, info: Any) -> None:
    import tensorflow_datasets as tfds

    features = tfds_folders.features_by_name(info)
    if not isinstance(features.get(FEATURE), tfds.features.Text):
        names = ", ".join(sorted(features))
        raise Refused(f"tfds:{spec} in {folder} has no feature `{FEATURE}` of class Text; found {shown(names, 60)}")


def _blocks(shards: list[Shard]) -> Iterator[str]:
    separator = ""
    for path, records in record_blocks(shards, 1):
        with refusing_damage(path):
            texts = [each[FEATURE].bytes_list.value[0].decode() for each in parsed_features(records)]
        yield separator + "\n".join(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)
        separator = "\n"
