"""Tiny files of weights, written byte by byte and by h5py as Keras and torch write theirs, without them."""

import json
import struct
import zipfile

import numpy as np

DIGITS = {"float32": "Float", "float16": "Half", "float64": "Double", "int64": "Long", "uint8": "Byte", "bool": "Bool"}
SAFE = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "bool": "BOOL"}


def drawn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def write_keras(path, layers, full=False):
    """Layers: name -> {name of a weight: array}, in the layout of Keras's .h5; of a whole model if `full`."""
    h5py = __import__("h5py")
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights") if full else file
        group.attrs["layer_names"] = [name.encode() for name in layers]
        group.attrs["backend"] = b"tensorflow"
        for name, weights in layers.items():
            part = group.create_group(name)
            part.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, array in weights.items():
                part[weight] = array
    return path


def write_keras3(path, layers):
    """Layers: path in the file, such as "layers/conv2d_1" -> (own name, its variables)."""
    h5py = __import__("h5py")
    with h5py.File(path, "w") as file:
        for place, (name, variables) in layers.items():
            group = file.create_group(f"{place}/vars")
            if name:
                group.attrs["name"] = name
            for n, array in enumerate(variables):
                group[str(n)] = array
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value):
    return b"J" + struct.pack("<i", value)


def integers(values):
    return b"(" + b"".join(integer(value) for value in values) + b"t"


def reference(key, array, kind="", view=b""):
    """The pickle of a reference to stored numbers."""
    kind = f"{kind or DIGITS[array.dtype.name]}Storage"
    return (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + integer(array.size)
        + view
        + b"tQ"
    )


def tensor(key, array, offset=0, shape=None, stride=None, kind="", view=b""):
    """The pickle of a tensor that is a view of an array [n] stored under the key."""
    shape = array.shape if shape is None else shape
    stride = [step // array.itemsize for step in array.strides] if stride is None else stride
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference(key, array, kind, view) + integer(offset)
    return call + integers(shape) + integers(stride) + b"\x89" + b"ccollections\nOrderedDict\n)RtR"


def ordered(entries):
    """The pickle of an ordered dict of pickles, by name, without the start and the end."""
    pairs = b"".join(text(name) + entry for name, entry in entries.items())
    return b"ccollections\nOrderedDict\n)R(" + pairs + b"u"


def pickled(entries):
    return b"\x80\x02" + ordered(entries) + b"."


def stored(array):
    """The numbers of an array as they lie in memory."""
    return array.tobytes("K" if array.flags.f_contiguous else "C")


def write_pth(path, arrays, state=b"", blocks=None, packed=False):
    """The zip archive of torch.save: `state` is the pickle, or that of `arrays`; `blocks` key -> bytes."""
    keys = {name: str(n) for n, name in enumerate(arrays)}
    state = state or pickled({name: tensor(keys[name], array) for name, array in arrays.items()})
    blocks = {keys[name]: stored(array) for name, array in arrays.items()} if blocks is None else blocks
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", state)
        archive.writestr("archive/byteorder", b"little")
        for key, data in blocks.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", b"3\n")
    return path


MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
MACHINE = b"\x80\x02}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + b"\x88u."


def write_legacy(path, arrays, state=b""):
    """The file of torch.save before torch 1.6: five pickles, and then the numbers."""
    keys = {name: str(94_000 + n) for n, name in enumerate(arrays)}
    state = state or pickled({name: tensor(keys[name], array, view=b"N") for name, array in arrays.items()})
    listed = b"\x80\x02](" + b"".join(text(key) for key in keys.values()) + b"e."
    numbers = b"".join(struct.pack("<q", array.size) + stored(array) for array in arrays.values())
    path.write_bytes(MAGIC + b"\x80\x02M\xe9\x03." + MACHINE + state + listed + numbers)
    return path


def safe_header(entries):
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header


def write_safetensors(path, arrays):
    """A file of safetensors."""
    entries, start = {"__metadata__": {"format": "pt"}}, 0
    for name, array in arrays.items():
        entries[name] = {
            "dtype": SAFE[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    path.write_bytes(safe_header(entries) + b"".join(array.tobytes() for array in arrays.values()))
    return path
