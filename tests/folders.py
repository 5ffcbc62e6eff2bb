"""Folders and archives of small images."""

import io
import zipfile

import numpy as np
import refusals
from PIL import Image

from jaxgen.data.images import folder as folders

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 7), np.uint8))


def content(format="png", image=PICTURE):
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


PNG = content()
THREE = {f"{n}.png": PNG for n in range(3)}


def picture(n, channels=1, shape=(4, 5)):
    """An image that is told from all others by its pixels: the first is n."""
    image = np.random.default_rng(n).integers(0, 256, (*shape, channels), np.uint8)
    image[0, 0, 0] = n
    return image


def saved(folder, names, channels=1, shape=(4, 5)):
    """Image n under the n-th name."""
    for n, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(n, channels, shape).squeeze()).save(path)
    return folder


def archived(path, files):
    """A zip archive of {name: bytes}."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def refused(path, says, *arguments):
    assert str(path) in refusals.refused(says, folders.folder_dataset, path, *arguments)


def packed(folder, compression=zipfile.ZIP_DEFLATED):
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return path
