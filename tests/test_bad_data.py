"""Data that cannot be used, as a user meets it: one sentence, exit code 2, nothing written."""

import gzip
import io
import os
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from made import idx_bytes, idx_set
from PIL import Image
from worker import EXPERIMENT, TINY, everything, go, refused

from jaxgen.run import cli, image_reader


def png(side=8, colour=100):
    file = io.BytesIO()
    Image.new("L", (side, side), colour).save(file, "png")
    return file.getvalue()


def png_of_size(width, height):
    """A PNG whose header declares so many pixels, and that holds none."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def photographs(folder, count=6, side=8):
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"{n}.png").write_bytes(png(side, 10 * n))


def mnist(change):
    def make(place):
        idx_set(place / "mnist")
        change(place / "mnist")
        return ["--dataset=mnist", f"--data_dir={place}"]

    return make


def truncate(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-500])


def corrupt(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def other_magic(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x0d\x03" + gzip.decompress(path.read_bytes())[4:]))


def fewer_labels(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(19, np.uint8))))


def images_in(change, *flags):
    def make(place):
        photographs(place / "photos" / "cat")
        photographs(place / "photos" / "dog")
        change(place / "photos")
        return [f"--dataset={place / 'photos'}", *flags]

    return make


def empty_folder(place):
    (place / "nothing").mkdir()
    return [f"--dataset={place / 'nothing'}"]


def archive(members, declared=None):
    """With `declared`, the last member claims to be so many bytes."""

    def make(place):
        with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data)
        if declared:
            data = bytearray((place / "a.zip").read_bytes())
            struct.pack_into("<I", data, data.rindex(b"PK\x03\x04") + 22, declared)
            struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, declared)
            (place / "a.zip").write_bytes(data)
        return [f"--dataset={place / 'a.zip'}"]

    return make


WRONG = {
    "truncated .gz": (mnist(truncate), "train-images-idx3-ubyte.gz is damaged"),
    "corrupt .gz": (mnist(corrupt), "train-images-idx3-ubyte.gz is damaged"),
    "wrong magic number": (mnist(other_magic), "expected the magic number 00000803, found 00000d03"),
    "counts that differ": (mnist(fewer_labels), "holds 20 images"),
    "one broken file": (images_in(lambda f: (f / "dog/3.png").write_bytes(png()[:40])), "dog/3.png"),
    "empty folder": (empty_folder, "nothing has no images"),
    "mixed sizes": (images_in(lambda f: (f / "dog/3.png").write_bytes(png(9))), "--image_size"),
    "path traversal": (archive({"../../outside.png": png(), **{f"{n}.png": png() for n in range(9)}}), "outside.png"),
    "bomb of pixels": (images_in(lambda f: (f / "dog/3.png").write_bytes(png_of_size(60_000, 60_000))), "dog/3.png"),
    "bomb of bytes": (archive({"big.png": bytes(1000)}, 2**31), "big.png' in"),
    "unknown TFDS name": (lambda place: ["--dataset=tfds:fasion_mnist"], "fashion_mnist"),
    "image_size of a named set": (lambda place: ["--dataset=digits", "--image_size=16"], "--image_size is for folders"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_data_is_told(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    make, fragment = WRONG[name]
    flags = make(tmp_path)
    before = everything(tmp_path)
    refused(capsys, go(tmp_path, *flags), fragment)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("named", ["mnist", "emnist_letters", "cifar10", "olivetti", "tfds:kmnist"])
def test_a_download_without_a_network(named, tmp_path, capsys, monkeypatch):
    """In about a second, and the message says which file is to be put where."""
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://192.0.2.1:9")  # an address that answers nobody
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    go(tmp_path, "--dataset=tfds:nothing_at_all")  # imports TFDS
    capsys.readouterr()
    before, start = everything(tmp_path), time.perf_counter()
    code = go(tmp_path, f"--dataset={named}", f"--data_dir={tmp_path / 'data'}")
    seconds = time.perf_counter() - start
    said = capsys.readouterr().err
    assert code == 2, said
    assert len(said.strip().splitlines()) == 1, said
    assert str(tmp_path / "data") in said
    wanted = {"mnist": "train-images-idx3-ubyte.gz", "emnist_letters": "gzip.zip", "cifar10": "cifar-10-binary.tar.gz"}
    assert wanted.get(named, "") in said
    assert "http" in said
    assert everything(tmp_path) == before
    assert seconds < 2.5


def test_one_class_where_two_are_needed_and_folders_that_train(tmp_path, capsys):
    """The last of these runs trains: what is refused above is not refused for another reason."""
    photographs(tmp_path / "photos/only", 20)
    telling_apart = EXPERIMENT._replace(data=image_reader.reader(least=2))

    def run(dataset, *flags):
        return cli.main(
            telling_apart, [*TINY, f"--dataset={tmp_path / dataset}", f"--workdir={tmp_path / 'run'}", *flags]
        )

    refused(capsys, run("photos"), "has no classes; at least 2 are needed")
    np.savez(tmp_path / "one.npz", images=np.zeros((9, 4, 4), np.uint8), labels=np.zeros(9, int))
    refused(capsys, run("one.npz"), "has 1 class; at least 2 are needed")
    photographs(tmp_path / "photos/other", 20)
    assert run("photos", "--image_size=6") == 0
    assert (tmp_path / "run/metrics.jsonl").exists()
    assert os.path.isdir(tmp_path / "run/checkpoints")
