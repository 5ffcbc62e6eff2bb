"""Prepares sets of TFDS that it needs TensorFlow for itself, from the files they are distributed as.

The result is what TFDS would have made, in the format array_record: `tfds.data_source` reads it as well.
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
from jaxgen.data.images import cifar, originals

FORMAT = "array_record"
BUILT = ("mnist", "fashion_mnist", "kmnist", "emnist", "cifar10")
MOST = 12  # configurations that a message lists


def require(name: str, config: str, places: Sequence[Path]) -> None:
    """Raises Refused where `build` could not prepare this set of TFDS; `places` are where it was looked for."""
    import tensorflow_datasets as tfds

    spec = f"tfds:{name}:{config}" if config else f"tfds:{name}"
    missing = f"{spec} is not prepared in {', '.join(str(place / name) for place in places)}"
    known = tfds.list_builders(with_community_datasets=False)
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise Refused(f"{missing}, and TFDS knows no {name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    configs: list[str] = []
    with contextlib.suppress(ImportError):  # some need more libraries to say even that
        configs = list(tfds.builder_cls(name).builder_configs)
    if (config or len(configs) > 1) and config not in configs:
        near = difflib.get_close_matches(config, configs, n=MOST) or configs[:MOST]
        choices = ", ".join(f"tfds:{name}:{each}" for each in near) + ", ..." * (len(near) < len(configs))
        raise Refused(f"{missing}; {f'choose one of {choices}' if configs else f'{name} has no configurations'}")
    if name not in BUILT:
        whole = f"{name}/{config}" if config else name
        raise Refused(
            f"{missing}, and only TensorFlow can prepare it: once, anywhere, run `pip install tensorflow` and "
            f"`tfds build {whole} --file_format={FORMAT} --data_dir=FOLDER`, then copy FOLDER/{name} to {places[0]}"
        )


def build(name: str, config: str, source_dir: str, into: Path) -> Path:
    """Prepares a set of BUILT as `into`/NAME[/CONFIG]/VERSION, and returns that folder.

    Args:
        name: of the set.
        config: of `emnist`, else "".
        source_dir: data folder in which its files are, or to which they are downloaded.
        into: TFDS's data folder, created where it is missing.

    Raises:
        Refused: a file is damaged, or missing and cannot be downloaded, or the folder cannot be written.
    """
    import tensorflow_datasets as tfds

    key = f"{name}_{config}" if config else name
    parts = originals.arrays(key, source_dir)
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=into))
        try:
            builder = _builder(name, parts)(data_dir=part, config=config or None, file_format=FORMAT)
            _fits(key, builder.info.features, parts)
            folder = into / Path(builder.data_dir).relative_to(part)
            print(f"preparing {key} in {folder}, once", file=sys.stderr, flush=True)
            options = tfds.download.DownloadConfig(try_download_gcs=False)
            with _quiet():
                builder.download_and_prepare(download_dir=part / "downloads", download_config=options)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(builder.data_dir, folder)
            except OSError:
                if not folder.is_dir():  # it is where another process was faster
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


@contextlib.contextmanager
def _quiet():
    """TFDS's bars in a terminal, and none of what it prints: that it is downloading, which it is not."""
    from jaxgen.data.download import bars

    with bars(), contextlib.redirect_stdout(io.StringIO()):
        yield


def _fits(key: str, features: Any, parts: originals.Arrays) -> None:
    shape, classes = features["image"].shape, features["label"].num_classes
    for split, (image, label) in parts.items():
        if image.shape[1:] != shape:
            raise Refused(f"{key}: expected {split} images of {shape}, found {image.shape[1:]}")
        if label.min() < 0 or label.max() >= classes:
            raise Refused(
                f"{key}: expected {split} labels from 0 to {classes - 1}, found {label.min()} to {label.max()}"
            )


def _builder(name: str, parts: originals.Arrays) -> type:
    """TFDS's own class for the set, with all that it knows of it, that takes the examples from `parts`."""
    import tensorflow_datasets as tfds

    stock = tfds.builder_cls(name)

    # A class, because TFDS takes nothing else.
    class Prepared(stock, skip_registration=True):  # type: ignore[valid-type, misc, call-arg]
        def _split_generators(self, dl_manager):
            if name == "cifar10":  # TFDS reads them from a file in the archive
                self.info.features["label"].names = list(cifar.CLASSES)
            return {split: self._generate_examples(split, *arrays) for split, arrays in parts.items()}

        def _generate_examples(self, split, image, label):
            for index, (pixels, number) in enumerate(zip(image, label)):
                # A file, and not an array, which TFDS would have TensorFlow encode.
                example = {"image": png.encode(pixels), "label": int(number)}
                yield index, example | ({"id": f"{split}_{index:05}"} if "id" in self.info.features else {})

    Prepared.name = stock.name
    return Prepared
