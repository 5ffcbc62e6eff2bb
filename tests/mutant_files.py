"""For each reader a small valid file, and the function that reads it as a flag of an experiment does."""

import functools

import folders
import made
import mutant_makers as makers
import numpy as np
import weight_files
from archives import COLOUR, GREY, LABEL, LIMIT, UNIT, saved
from mutants import Case

from jaxgen.data import rows
from jaxgen.data.images import frames, photograph, sets
from jaxgen.data.music import melodies, pieces
from jaxgen.data.strokes import sketches
from jaxgen.data.text import documents, texts
from jaxgen.data.weights.read import read
from jaxgen.run import fixed_networks, gpt2_files, workdir
from jaxgen.run.text_reader import TextFlags

STATE = {"a.weight": weight_files.drawn(4, 3), "a.bias": weight_files.drawn(4)}
VGG = {"features.0.weight": weight_files.drawn(64, 3, 3, 3), "features.0.bias": weight_files.drawn(64)}
LAYERS = {"block1_conv1": {"kernel:0": weight_files.drawn(3, 3, 3, 64), "bias:0": weight_files.drawn(64)}}
LAYERS3 = {"layers/conv2d": ("block1_conv1", [*LAYERS["block1_conv1"].values()])}
PICTURES = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "webp": "WEBP", "ppm": "PPM"}
SPLITS = {"x_train": COLOUR, "y_train": LABEL, "x_test": COLOUR, "y_test": LABEL}
SHARD = "toys/1.0.0/toys-train.array_record-00000-of-00001"
TOYS = ("toys",)


def alone(format, file, make, read):
    """A Case whose `make` and `read` take the path of the file, not of the folder."""
    return Case(format, file, lambda at: make(at / file), lambda at: read(at / file))


def whole(images):
    """Everything of a Dataset of images, read."""
    return [rows.read(part.image, slice(None)) for part in (images.train, images.valid, images.test)]


def images_of(path, **options):
    return whole(sets.load(str(path), **options))


def named(name):
    return lambda at: whole(sets.load(name, str(at)))


def weights(path):
    tensors = read(path)
    return [tensors.arrays[name] for name in tensors.arrays]


def vgg(path):
    """A part of VGG16, as --weights of --network=vgg16 is read."""
    flags = fixed_networks.NetworkFlags(network="vgg16", weights=str(path))
    return fixed_networks.fixed(flags, lambda net: net.activations[:1], None)


def gpt2(name, at):
    decided = gpt2_files.flags_of({"init_from": str(at / name)})
    return gpt2_files.writing(TextFlags(init_from=str(at / name), merges=decided["merges"]))


def text(level, **options):
    return lambda path: texts.load(str(path), level=level, min_count=1, size=300, **options)


def merged(at):
    return texts.load(str(at / "a.txt"), level="bpe", merges=str(at))


def numbered(at, count=3):
    """Folder of pictures, and an archive of them."""
    folders.saved(at / "own", [f"{kind}/{n}.png" for kind in "ab" for n in range(count)])
    folders.packed(at / "own")


def gpt2_case(format, file, model="model.safetensors", called=()):
    return Case(format, file, makers.write_gpt2, functools.partial(gpt2, model), called)


streamed = functools.partial(images_of, resident=LIMIT)
picture = functools.partial(photograph.photograph, height=8)
music = lambda path: pieces.load(str(path))
drawn = lambda path: sketches.load(str(path))
tfds_text = lambda at: texts.load("tfds:toys", str(at))
idx = lambda at: made.idx_set(at / "mnist", 12, 6)
stem = "mnist/train-images-idx3-ubyte.gz"

CASES = [
    alone("npz", "a.npz", lambda path: saved(path, images=GREY, labels=LABEL), images_of),
    alone("npz", "a.npz", lambda path: saved(path, True, **SPLITS), images_of),
    alone("npz, streamed", "a.npz", lambda path: saved(path, images=UNIT, labels=LABEL), streamed),
    alone("npz, streamed", "a.npz", lambda path: saved(path, True, images=GREY, labels=LABEL), streamed),
    alone("npy", "a.npy", lambda path: np.save(path, COLOUR), images_of),
    alone("npy, streamed", "a.npy", lambda path: np.save(path, UNIT), streamed),
    *(alone(kind, f"a.{kind}", makers.write_picture(pillow), picture) for kind, pillow in PICTURES.items()),
    alone("gif, frames", "a.gif", makers.write_picture("GIF"), frames.animation),
    Case("folder of images", "own/a/0.png", numbered, lambda at: images_of(at / "own")),
    Case("folder of images", "own/a/0.png", numbered, lambda at: images_of(at / "own", image_size=6)),
    Case("zip of images", "own.zip", numbered, lambda at: images_of(at / "own.zip")),
    Case("IDX gz", stem, idx, named("mnist"), ("mnist",)),
    Case("IDX gz", stem.replace("images-idx3", "labels-idx1"), idx, named("mnist"), ("mnist",)),
    Case("IDX zip", "emnist/gzip.zip", makers.write_emnist, named("emnist_digits"), ("emnist_digits",)),
    Case("tar gz", "cifar10/cifar-10-binary.tar.gz", makers.write_cifar, named("cifar10")),
    Case("mat", "olivetti/olivettifaces.mat", makers.write_olivetti_mat, named("olivetti")),
    Case("npz", "olivetti/olivetti.npz", makers.write_olivetti_npz, named("olivetti")),
    Case("array_record", SHARD, makers.prepared("image"), named("tfds:toys"), TOYS),
    Case("array_record", SHARD, makers.prepared("text"), tfds_text, TOYS),
    Case("tfds json", "toys/1.0.0/features.json", makers.prepared("image"), named("tfds:toys"), TOYS),
    Case("tfds json", "toys/1.0.0/dataset_info.json", makers.prepared("text"), tfds_text, TOYS),
    alone("h5", "vgg16.h5", lambda path: weight_files.write_keras(path, LAYERS), vgg),
    alone("h5", "vgg16.h5", lambda path: weight_files.write_keras(path, LAYERS, full=True), weights),
    alone("h5", "vgg16.weights.h5", lambda path: weight_files.write_keras3(path, LAYERS3), vgg),
    alone("pth", "vgg16.pth", lambda path: weight_files.write_pth(path, VGG), vgg),
    alone("pth", "a.pth", lambda path: weight_files.write_pth(path, STATE), weights),
    alone("pth, legacy", "a.pth", lambda path: weight_files.write_legacy(path, STATE), weights),
    alone("safetensors", "vgg16.safetensors", lambda path: weight_files.write_safetensors(path, VGG), vgg),
    alone("safetensors", "a.safetensors", lambda path: weight_files.write_safetensors(path, STATE), weights),
    gpt2_case("GPT-2 safetensors", "model.safetensors"),
    gpt2_case("GPT-2 bin", "pytorch_model.bin", "pytorch_model.bin"),
    gpt2_case("GPT-2 config", "config.json", called=("model.safetensors",)),
    gpt2_case("GPT-2 vocab", "vocab.json", called=("merges.txt", "model.safetensors")),
    gpt2_case("GPT-2 merges", "merges.txt"),
    Case("GPT-2 vocab", "vocab.json", makers.write_gpt2, merged, ("merges.txt",)),
    alone("txt", "a.txt", makers.write_text, text("char")),
    alone("txt", "a.txt", makers.write_text, text("word", lowercase=True)),
    alone("txt", "a.txt", makers.write_text, text("bpe")),
    Case("reuters", makers.REUTERS, makers.write_reuters, lambda at: whole(documents.load("reuters", str(at)))),
    alone("sketch npz", "a.npz", makers.write_sketches, drawn),
    alone("sketch npz", "a.npz", functools.partial(makers.write_sketches, objects=False), drawn),
    alone("ndjson", "a.ndjson", makers.write_ndjson, drawn),
    alone("sketch json", "a.json", makers.write_json_sketches, drawn),
    alone("svg", "a.svg", lambda path: path.write_text(makers.SVG), drawn),
    Case("svg", "own/a/0.svg", lambda at: makers.write_svgs(at / "own"), lambda at: drawn(at / "own")),
    Case("midi", "own/0.mid", lambda at: makers.write_midis(at / "own"), lambda at: music(at / "own")),
    alone("roll mat", "a.mat", makers.write_rolls, music),
    alone("roll json", "a.json", makers.write_json_rolls, music),
    alone("abc", "a.abc", makers.write_abc, lambda path: melodies.load(str(path))),
    Case("run's config", "run/config.json", makers.write_config, lambda at: workdir.read_config(at / "run"), ("run",)),
]
