"""Folders of sets that TensorFlow Datasets (TFDS) has prepared, found without TensorFlow.

A set is prepared once, as NAME/VERSION or NAME/CONFIG/VERSION. It is looked for in the data folder's `tfds`, in the
data folder, and in TFDS's own folder: TFDS_DATA_DIR, or ~/tensorflow_datasets.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.formats.tfds_records import Shard, refusing_damage
from jaxgen.data.places import expanded, shown

FORMAT = "array_record"  # the only format of TFDS that is read without TensorFlow
NAME = re.compile(r"\w[\w.+=@,-]*")
VERSION = re.compile(r"\d+\.\d+\.\d+")


def parse_spec(spec: str) -> tuple[str, str]:
    """(NAME, CONFIG) of NAME or NAME:CONFIG; CONFIG may be "". Raises Refused where they are no names of folders."""
    name, colon, config = spec.partition(":")
    for part in (name, config) if colon else (name,):
        if not NAME.fullmatch(part) or ".." in part:
            raise Refused(f"expected tfds:NAME or tfds:NAME:CONFIG, found {f'tfds:{spec}'!r}")
    return name, config


def roots(data_dir: str) -> tuple[Path, ...]:
    """The folders in which prepared sets are looked for, in order; sets prepared here are written to the first."""
    own = expanded(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    folder = expanded(data_dir)
    return (folder / "tfds", folder, own) if data_dir else (own,)


def prepared_folder(name: str, config: str, folders: Sequence[Path]) -> Path | None:
    """The newest version of a prepared set in the first of the folders that has one; None where none has.

    Raises:
        Refused: the set is prepared in several configurations and `config` is "", or a folder cannot be read.
    """
    for folder in folders:
        versions = _versions(folder / name / config)
        if not (versions or config):
            configs = {each.name: own for each in _subfolders(folder / name) if (own := _versions(each))}
            if len(configs) > 1:
                choices = ", ".join(f"tfds:{name}:{config}" for config in configs)
                raise Refused(f"{folder / name} has several configurations; choose one of {choices}")
            versions = next(iter(configs.values()), [])
        if versions:
            return max(versions, key=lambda path: [int(number) for number in path.name.split(".")])
    return None


def _subfolders(path: Path) -> list[Path]:
    with refusing_damage(path):
        return sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []


def _versions(path: Path) -> list[Path]:
    return [folder for folder in _subfolders(path) if VERSION.fullmatch(folder.name)]


def description(folder: Path) -> Any:
    """TFDS's DatasetInfo of a prepared set. Raises Refused where it is damaged, or in another format."""
    import tensorflow_datasets as tfds

    for file in ("features.json", "dataset_info.json"):
        with refusing_damage(folder / file):
            content = json.loads((folder / file).read_text())
            formats = [content.get("fileFormat", "tfrecord"), *content.get("alternativeFileFormats", ())]
    if FORMAT not in formats:
        other = shown(str(formats[0]), 40)
        raise Refused(
            f"{folder} is prepared as {other}, and only {FORMAT} is read without TensorFlow; where that is "
            f"installed, run `tfds convert_format --dataset_version_dir={folder} --out_file_format={FORMAT}` once"
        )
    with refusing_damage(folder):
        info = tfds.builder_from_directory(folder).info
        info.set_file_format(FORMAT, override=True, override_if_initialized=True)
        return info


def features_by_name(info: Any) -> Mapping[str, Any]:
    """Name -> feature; the feature of a set that has only one, without a name, is called ""."""
    import tensorflow_datasets as tfds

    return dict(info.features) if isinstance(info.features, tfds.features.FeaturesDict) else {"": info.features}


def shards_of(folder: Path, info: Any, splits: Sequence[str]) -> dict[str, list[Shard]]:
    """Split -> its files, of those splits that have examples. Raises Refused where the description is damaged."""
    with refusing_damage(folder):
        return {
            name: [Shard(Path(each.filename), each.examples_in_shard) for each in info.splits[name].file_instructions]
            for name in splits
            if name in info.splits and info.splits[name].num_examples
        }
