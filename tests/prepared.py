"""Small TFDS sets, prepared by TFDS itself, as somebody with TensorFlow would have left them."""

import contextlib
import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxgen.data.download import bars

RNG = np.random.default_rng(0)


def noise(count, *shape):
    return RNG.integers(0, 256, (count, *shape), np.uint8)


def encoded(array, format="PNG", **options):
    """A picture file; [H, W, 1] is grey."""
    file = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(file, format, **options)
    return file.getvalue()


def labelled(images, labels):
    """Examples of an Image feature."""
    return [{"image": encoded(image), "label": int(label)} for image, label in zip(images, labels)]


def features(shape=(6, 5, 1), classes=("cat", "dog"), **others):
    return {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(names=list(classes)),
        **others,
    }


def prepare(root, splits, features, name="toys", config="", version="1.0.0"):
    """Writes {split: [example]} of these features below `root`, and returns the folder of the version."""

    class Toys(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)] if config else []

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(examples) for split, examples in splits.items()}

        def _generate_examples(self, examples):
            yield from enumerate(examples)

    Toys.name = name
    builder = Toys(data_dir=root, file_format="array_record")
    with contextlib.redirect_stdout(io.StringIO()), bars():
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    return builder.data_path


def pairs(examples):
    """Rows and labels of a split as a set: TFDS shuffles what it prepares."""
    return {(bytes(row), int(label)) for row, label in zip(examples.image, examples.label)}
