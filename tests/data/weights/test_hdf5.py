"""HDF5 files that lead elsewhere, claim the unbelievable or run in circles: nothing outside them is opened."""

import struct

import pytest
from refusals import refused
from weight_files import drawn, write_keras, write_keras3

from jaxgen.data.weights.read import read

pytestmark = pytest.mark.ci
h5py = pytest.importorskip("h5py")
LAYERS = {"a": {"a/kernel:0": drawn(4, 3), "a/bias:0": drawn(3)}}


def linked(kind, secret):
    """Changes of a file, so that its array or a group leads elsewhere."""

    def change(file):
        kernel = file["a/a/kernel:0"]
        shape, name = kernel.shape, kernel.name
        if kind == "group":
            del file["a"]
            file["a"] = h5py.ExternalLink(secret, "/a")
            return
        if kind == "top":
            file["model_weights"] = h5py.ExternalLink(secret, "/")
            return
        del file[name]
        if kind == "external":
            file[name] = h5py.ExternalLink(secret, name)
        elif kind == "soft":
            file[name] = h5py.SoftLink("/a/a/bias:0")
        elif kind == "stored elsewhere":
            file.create_dataset(name, shape, "f4", external=[(str(secret), 0, 48)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(secret, name, shape)
            file.create_virtual_dataset(name, layout)
        elif kind == "reference":
            file.create_dataset(name, (1,), h5py.ref_dtype)[0] = file.ref
        elif kind == "text":
            file.create_dataset(name, data=["some", "text"])
        elif kind == "missing":
            pass
        elif kind == "a group":
            file.create_group(name)
        elif kind == "huge":
            file.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64))
        elif kind == "huge and packed":
            file.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64), compression="gzip")[:64, :64] = 1
        elif kind == "unwritten":
            file.create_dataset(name, (2**20, 2**20), "f4")

    return change


LINKS = {
    **{
        "external": "'kernel:0' is a link to '/a/a/kernel:0'",
        "group": "'a' is a link to '/a', and links are not followed",
    },
    **{"top": "'model_weights' is a link", "soft": "'kernel:0' is a link to '/a/a/bias:0'"},
    **{"stored elsewhere": "are in another file, which is not read", "virtual": "are in another file"},
    **{"reference": "expected numbers in '/a/a/kernel:0', found object", "text": "expected numbers"},
    **{"missing": "it lists 'a/kernel:0', which is not there", "a group": "is no array"},
    "huge": "claims 4,398,046,511,104 bytes, and 0 are stored",
    "huge and packed": r"claims 4,398,046,511,104 bytes, and \d+ are stored",
    "unwritten": "claims 4,398,046,511,104 bytes, and 0 are stored",
}


@pytest.mark.parametrize(("kind", "says"), LINKS.items(), ids=LINKS)
def test_nothing_outside_the_file_is_opened_and_nothing_huge_allocated(tmp_path, kind, says):
    secret = write_keras(tmp_path / "secret.h5", LAYERS)
    path = write_keras(tmp_path / "a.h5", LAYERS)
    with h5py.File(path, "a") as file:
        linked(kind, secret)(file)
    assert str(path) in refused(says, read, path)


def test_strings_on_which_the_library_would_run_forever(tmp_path):
    path = write_keras(tmp_path / "a.h5", LAYERS)
    content = path.read_bytes()
    at = content.index(b"GCOL")
    for size in (0, 4608, 2**40):  # of the heap; it has 4096
        path.write_bytes(content[: at + 8] + struct.pack("<Q", size) + content[at + 16 :])
        refused(f"is damaged: the strings at byte {at:,} are cut", read, path)


def test_groups_that_contain_themselves_are_entered_once(tmp_path):
    path = write_keras3(tmp_path / "a.h5", {"layers/a": ("a", [drawn(2)])})
    with h5py.File(path, "a") as file:
        file["layers/a/again"], file["layers/b"] = file["layers"], file
    assert len(read(path).arrays) == 1
