"""Archives of images that are not to be trusted."""

import stat
import struct

import pytest
from folders import PNG, THREE, archived, refused
from refusals import changed, cut, outcomes, plainly

from jaxgen.data.images import folder

pytestmark = pytest.mark.ci


def test_names_that_lead_out_of_an_archive_are_refused(tmp_path):
    for name in ("../1.png", "a/../../1.png", "/1.png", "c:1.png", "a\\1.png"):
        refused(archived(tmp_path / "a.zip", {**THREE, name: PNG}), "is no name of a file inside an archive")


def altered(path, name, offset, format, value, local=None):
    """Changes a field in the directory's entry of a member, and in its local header."""
    data = bytearray(path.read_bytes())
    struct.pack_into(format, data, data.rindex(name.encode()) - 46 + offset, value)
    if local is not None:
        struct.pack_into(format, data, data.index(name.encode()) - 30 + local, value)
    path.write_bytes(data)
    return path


def test_archives_that_are_not_to_be_trusted_are_refused(tmp_path):
    path = tmp_path / "a.zip"

    def fresh():
        return archived(path, THREE)

    refused(
        altered(fresh(), "1.png", 24, "<I", 2**31 - 1), r"'1\.png' in .* claims to unpack from \d+ to 2,147,483,647"
    )
    # Each may be believed, but they cannot all be in this file: they overlap.
    for n in range(3):
        altered(path, f"{n}.png", 24, "<I", 2**30)
        altered(path, f"{n}.png", 20, "<I", 2**24)
    refused(path, r"claims to unpack from \d+ to 3,221,225,472 bytes")
    refused(altered(fresh(), "1.png", 8, "<H", 1, local=6), r"'1\.png' in .* is encrypted")
    refused(altered(fresh(), "1.png", 38, "<I", (stat.S_IFLNK | 0o777) << 16), r"'1\.png' in .* is a symbolic link")
    refused(altered(fresh(), "1.png", 10, "<H", 99, local=8), r"1\.png in .* cannot be read: .*compression")
    data = fresh().read_bytes()
    path.write_bytes(data.replace(b"1.png", b"0.png"))
    refused(path, r"'0\.png' in .* is there twice")
    path.write_bytes(data.replace(PNG[-30:], PNG[-30:-20] + bytes(20), 1))
    refused(path, r"0\.png in .* cannot be read: Bad CRC-32")
    for other in (b"", b"P", b"no archive", b"\x1f\x8b" + bytes(99)):
        path.write_bytes(other)
        refused(path, "as a zip archive it cannot be read: ")


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_an_archive_cut_short_or_changed_anywhere_is_refused_or_harmless(tmp_path, step):
    path = archived(tmp_path / "a.zip", THREE)
    data, load = path.read_bytes(), lambda: folder.folder_dataset(path).sha256
    whole = load()
    found = outcomes(path, changed(data, step), load)
    assert set(found) == {None, whole}
    assert found.count(None) > len(found) / 2
    assert set(outcomes(path, cut(data, 5 * step), load)) == {None}


def test_names_that_are_too_long_are_not_repeated(tmp_path):
    path = archived(tmp_path / "a.zip", {**THREE, f"{'x' * 5000}.png": b"nothing"})
    plainly("x... in .*a.zip is no image", path, folder.folder_dataset, path)
    path = archived(tmp_path / "b.zip", {**THREE, f"../{'x' * 5000}.png": PNG})
    plainly("is no name of a file inside an archive", path, folder.folder_dataset, path)
