"""Preparation of TFDS's sets from their original files without TensorFlow, which TFDS itself would need.

The result is what TFDS would write in the format array_record, so that `tfds.data_source` reads it as well.
"""

import contextlib
import difflib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.files import writing
from jaxgen.core.types import Refused
from jaxgen.data.formats import png
from jaxgen.data.formats.tfds_folders import FORMAT
from jaxgen.data.images import cifar, originals

PREPARABLE = ("mnist", "fashion_mnist", "kmnist", "emnist", "cifar10")
MOST = 12  # configurations that a message lists


def check_preparable(name: str, config: str, folders: Sequence[Path]) -> None:
    """Raises Refused where `prepare_set` cannot prepare this set, which is in none of the `folders`."""
    import tensorflow_datasets as tfds

    spec = f"tfds:{name}:{config}" if config else f"tfds:{name}"
    missing = f"{spec} is not prepared in {', '.join(str(folder / name) for folder in folders)}"
    names = tfds.list_builders(with_community_datasets=False)
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1)
        raise Refused(f"{missing}, and TFDS knows no {name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    configs: list[str] = []
    with contextlib.suppress(ImportError):  # some sets need further libraries even for that
        configs = list(tfds.builder_cls(name).builder_configs)
    if (config or len(configs) > 1) and config not in configs:
        near = difflib.get_close_matches(config, configs, n=MOST) or configs[:MOST]
        choices = ", ".join(f"tfds:{name}:{each}" for each in near) + ", ..." * (len(near) < len(configs))
        raise Refused(f"{missing}; {f'choose one of {choices}' if configs else f'{name} has no configurations'}")
    if name not in PREPARABLE:
        whole = f"{name}/{config}" if config else name
        raise Refused(
            f"{missing}, and only TensorFlow can prepare it: once, anywhere, run `pip install tensorflow` and "
            f"`tfds build {whole} --file_format={FORMAT} --data_dir=FOLDER`, then copy FOLDER/{name} to {folders[0]}"
        )


def prepare_set(name: str, config: str, source_dir: str, into: Path) -> Path:
    """Prepares a set of PREPARABLE as `into`/NAME[/CONFIG]/VERSION, and returns that folder.

    Args:
        name: of the set.
        config: of `emnist`, otherwise "".
        source_dir: data folder with its original files, to which missing ones are downloaded.
        into: TFDS's data folder, created where it is missing.

    Raises:
        Refused: an original file is damaged, or missing and cannot be downloaded, or the folder cannot be written.
    """
    import tensorflow_datasets as tfds

    key = f"{name}_{config}" if config else name
    parts = originals.original_arrays(key, source_dir)
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=into))
        try:
            builder = _builder(name, parts)(data_dir=part, config=config or None, file_format=FORMAT)
            _check_parts(key, builder.info.features, parts)
            folder = into / Path(builder.data_dir).relative_to(part)
            print(f"preparing {key} in {folder}, once", file=sys.stderr, flush=True)
            options = tfds.download.DownloadConfig(try_download_gcs=False)
            with _quiet():
                builder.download_and_prepare(download_dir=part / "downloads", download_config=options)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(builder.data_dir, folder)
            except OSError:
                if not folder.is_dir():  # unless another process prepared it meanwhile
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


@contextlib.contextmanager
def _quiet():
    """Hides what TFDS prints, that it downloads the set, which is not so; its bars are drawn in a terminal only."""
    from jaxgen.data.download import bars

    with bars(), contextlib.redirect_stdout(io.StringIO()):
        yield


def _check_parts(key: str, features: Any, parts: originals.Arrays) -> None:
    shape, classes = features["image"].shape, features["label"].num_classes
    for split, (image, label) in parts.items():
        if image.shape[1:] != shape:
            raise Refused(f"{key}: expected {split} images of {shape}, found {image.shape[1:]}")
        if label.min() < 0 or label.max() >= classes:
            raise Refused(
                f"{key}: expected {split} labels from 0 to {classes - 1}, found {label.min()} to {label.max()}"
            )


def _builder(name: str, parts: originals.Arrays) -> type:
    """A subclass of TFDS's class for the set, with its description, that takes the examples from `parts`."""
    import tensorflow_datasets as tfds

    original = tfds.builder_cls(name)

    # A class, because TFDS accepts nothing else.
    class Prepared(original, skip_registration=True):  # type: ignore[valid-type, misc, call-arg]
        def _info(self):
            info = super()._info()
            # It looks for a description in Google's cloud, which is switched off, and leaves an empty temporary folder.
            info.initialize_from_bucket = lambda: None
            return info

        def _split_generators(self, dl_manager):
            if name == "cifar10":  # whose class names TFDS reads from a file in the archive
                self.info.features["label"].names = list(cifar.CLASSES)
            return {split: self._generate_examples(split, *arrays) for split, arrays in parts.items()}

        def _generate_examples(self, split, image, label):
            for index, (pixels, number) in enumerate(zip(image, label)):
                # A file, since TFDS would encode an array by TensorFlow.
                example = {"image": png.encode_png(pixels), "label": int(number)}
                yield index, example | ({"id": f"{split}_{index:05}"} if "id" in self.info.features else {})

    Prepared.name = original.name
    return Prepared
