import os

import pytest

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "new" / "file"
    write_whole(path, b"old")

    def fail(*_):
        assert path.read_bytes() == b"old"  # the new bytes are beside it, not in it
        assert len(list(path.parent.iterdir())) == 2
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(Refused, match=r"cannot write .*disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_results_can_be_shared(tmp_path):
    write_whole(tmp_path / "file", b"")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask
