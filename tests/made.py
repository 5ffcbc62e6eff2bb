"""Small files in the formats of the original sets."""

import gzip
import io
import struct
import tarfile

import numpy as np

from jaxgen.data.images import cifar, originals


def idx_bytes(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def idx_set(folder, train=40, test=20, classes=10, stems=originals.IDX_STEMS, first=0, seed=0):
    """Four gzipped files in `folder`; returns their arrays in order."""
    rng = np.random.default_rng(seed)
    arrays = []
    for count in (train, test):
        arrays.append(rng.integers(0, 256, (count, 28, 28), np.uint8))
        arrays.append((np.arange(count) % classes + first).astype(np.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in zip(stems, arrays):
        (folder / f"{stem}.gz").write_bytes(gzip.compress(idx_bytes(array), 1))
    return arrays


def cifar_batches(each=20, seed=0):
    """name -> bytes of a batch; with the planes of image 0 of the first batch known: 1, 2, 3."""
    rng, batches = np.random.default_rng(seed), {}
    for name in (*cifar.TRAIN, *cifar.TEST):
        records = rng.integers(0, 256, (each, cifar.RECORD), np.uint8)
        records[:, 0] = np.arange(each) % 10
        records[0, 1:] = np.repeat([1, 2, 3], 1024)
        batches[name] = records.tobytes()
    return batches


def cifar_archive(path, batches):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in batches.items():
            info = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
