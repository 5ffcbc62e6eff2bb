"""Files of weights that are damaged, hostile or of something else: a sentence each."""

import pickle
import zipfile

import numpy as np
import pytest
from refusals import changed, cut, outcomes, refused
from weight_files import drawn, write_keras, write_keras3, write_legacy, write_pth, write_safetensors

from jaxgen.data.weights.read import read

pytestmark = pytest.mark.ci
h5py = pytest.importorskip("h5py")
STATE = {"a.weight": drawn(4, 3), "a.bias": drawn(4)}
LAYERS = {"a": {"a/kernel:0": drawn(4, 3), "a/bias:0": drawn(3)}}
WRITERS = {
    "keras": lambda path: write_keras(path, LAYERS),
    "keras3": lambda path: write_keras3(path, {"layers/a": ("a", [drawn(4, 3), drawn(3)])}),
    **{"zip": lambda path: write_pth(path, STATE), "legacy": lambda path: write_legacy(path, STATE)},
    "safetensors": lambda path: write_safetensors(path, STATE),
}


def loaded(path):
    """All of a file, as something that can be compared."""
    tensors = read(path)
    arrays = tuple((name, array.shape, array.dtype.str, array.tobytes()) for name, array in tensors.arrays.items())
    return tensors.layout, tuple(tensors.names.items()), arrays


@pytest.mark.parametrize("step", [97, pytest.param(11, marks=pytest.mark.slow)])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_changed_or_missing_byte_is_a_sentence_or_other_numbers(tmp_path, write, step):
    path = write(tmp_path / "weights")
    content, whole = path.read_bytes(), loaded(path)
    assert outcomes(path, [content], lambda: loaded(path)) == [whole]
    for outcome in outcomes(path, changed(content, step), lambda: loaded(path)):
        assert outcome is None or isinstance(outcome, tuple), outcome
        if write is WRITERS["zip"]:  # the only one with checksums
            assert outcome in (None, whole)
    ends = [*cut(content, step)]
    assert outcomes(path, ends, lambda: loaded(path)) == [None] * len(ends)


def npz(path):
    np.savez(path, images=drawn(2, 3))


def archive(name):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, b"1")

    return write


def hdf5(**groups):
    def write(path):
        with h5py.File(path, "w") as file:
            for name, group in groups.items():
                file[name] = group

    return write


OTHERS = {
    r"is empty \(0 bytes\)": lambda path: path.write_bytes(b""),
    "is not a file of weights: expected Keras's .*, found b'<!DOCTYPE'": lambda path: path.write_text(
        "<!DOCTYPE html>"
    ),
    "is not a file of weights: .*, found a pickle": lambda path: path.write_bytes(pickle.dumps(STATE)),
    r"found b'x'\.\.\.": lambda path: path.write_bytes(b"x"),
    "is truncated: expected 800 bytes|is damaged": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"),
    "is an .npz archive of arrays, not a file of weights": npz,
    "is a zip archive, not a file of weights": archive("readme.txt"),
    "Keras's archive of a whole model; unpack model.weights.h5 from it": archive("model.weights.h5"),
    "is a TorchScript program, whose code is not run": lambda path: write_script(path),
    "'archive/data.pkl' is compressed": lambda path: write_pth(path, STATE, packed=True),
    "without the weights of a model of Keras; found the groups x, y": hdf5(x=drawn(2), y=drawn(2)),
    "without the weights .* found the groups none": hdf5(),
    "holds no weights of layers": hdf5(model_weights=drawn(2)),
    "holds no variables of layers": hdf5(layers=drawn(2)),
}


def write_script(path):
    write_pth(path, STATE)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("archive/constants.pkl", b"\x80\x02).")


@pytest.mark.parametrize(("says", "write"), OTHERS.items())
def test_other_files(tmp_path, says, write):
    path = tmp_path / "weights.npz"  # np.savez would add the suffix
    write(path)
    assert str(path) in refused(says, read, path)


def test_what_cannot_be_opened(tmp_path):
    refused("cannot be read: No such file", read, tmp_path / "none.h5")
    refused("cannot be read: Is a directory", read, tmp_path)


def test_a_truncated_file_says_how_much_is_missing(tmp_path):
    path = write_keras(tmp_path / "a.h5", LAYERS)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    says = f"is truncated: expected {len(content):,} bytes, found {len(content) - 100:,}"
    refused(says, read, path)


def test_a_file_that_is_cut_after_its_names_were_read(tmp_path):
    for write in WRITERS.values():
        path = write(tmp_path / "weights")
        tensors, content = read(path), path.read_bytes()
        path.write_bytes(content[: len(content) // 8])
        for name in tensors.arrays:
            assert str(path) in refused("truncated|damaged", tensors.arrays.__getitem__, name)
        path.unlink()
        assert str(path) in refused("cannot be read|damaged", tensors.arrays.__getitem__, name)
