"""Tar archives that are damaged, or claim what they do not have."""

import gzip
import io
import tarfile

import pytest
from refusals import changed, cut, outcomes, plainly

from jaxgen.data.formats import tarred

FILES = {"a/one.txt": b"1" * 700, "a/two.txt": b"22", "a/three.bin": b"333"}


def headers(*members, data=b""):
    """A tar of (name, size, type), with no data but that behind the first header."""
    out = b""
    for name, size, kind in members:
        info = tarfile.TarInfo(name)
        info.size, info.type = size, kind
        out += info.tobuf(tarfile.GNU_FORMAT) + data
    return out


@pytest.fixture
def path(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return tmp_path / "a.tar.gz"


def texts(path):
    return tarred.files(path, lambda name: name.endswith(".txt"), 2**20)


def test_wanted_files_are_read(path):
    assert texts(path) == {"a/one.txt": FILES["a/one.txt"], "a/two.txt": b"22"}


HOSTILE = {
    "1 files of 1,048,577 bytes, which is not believable": headers(("a.txt", 2**20 + 1, tarfile.REGTYPE)),
    "1 files of 8,589,934,592 bytes": headers(("b.bin", 2**33, tarfile.REGTYPE)),  # of the ones that are passed over
    "10,001 files": headers(*[("a.txt", 0, tarfile.REGTYPE)] * 10_001),
    "a header claims 8,589,934,592 bytes": headers(("a.txt", 2**33, tarfile.GNUTYPE_LONGNAME)),
    "recursion": headers(*[("a.txt", 0, tarfile.GNUTYPE_LONGNAME)] * 2000),
    "unexpected end of data": headers(("a.txt", 1000, tarfile.REGTYPE)),
    "invalid header|truncated header": b"x" * 1024,
}


@pytest.mark.parametrize("says", HOSTILE)
def test_a_hostile_archive_is_a_sentence(path, says):
    path.write_bytes(gzip.compress(HOSTILE[says]))
    plainly(says, path, texts, path)


def test_a_changed_or_missing_byte(path):
    content = path.read_bytes()
    whole = texts(path)
    for found in outcomes(path, [*changed(content), *cut(content)], lambda: texts(path)):
        assert found in (None, whole)
    for inner in changed(gzip.decompress(content), 7):
        path.write_bytes(gzip.compress(inner, 1))
        assert all(isinstance(found, dict | None) for found in outcomes(path, [path.read_bytes()], lambda: texts(path)))
