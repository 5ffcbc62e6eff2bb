"""Without a network, a set that is not there is refused at once, with what to put where."""

import os
import socket
import threading
import time

import pytest

from jaxgen.core.types import Refused
from jaxgen.data import download

pytestmark = pytest.mark.ci
SHA256 = 64 * "0"
BLACK_HOLE = "192.0.2.1"  # an address for documentation (RFC 5737): nothing answers


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def refused(host, folder):
    both = {"some.gz": (f"http://{host}/sets/some.gz", 1, SHA256), "other": (f"http://{host}/files/5", None, SHA256)}
    start = time.monotonic()
    with pytest.raises(Refused) as caught:
        download.fetch("toys", both, folder)
    assert time.monotonic() - start < 1.5
    assert not folder.exists()
    return str(caught.value)


def test_the_message_names_files_folder_and_addresses(tmp_path):
    for host in (BLACK_HOLE, "nowhere.invalid", "127.0.0.1:1", "a..b"):
        assert refused(host, tmp_path / "toys") == (
            f"toys is not in {tmp_path / 'toys'}, and {host.split(':')[0]} cannot be reached; put some.gz, other there "
            f"(from http://{host}/sets/ and http://{host}/files/5)"
        )


def test_a_name_server_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch):
    over = threading.Event()

    def hang(*_):
        over.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)
    assert "some.where cannot be reached" in refused("some.where", tmp_path / "toys")
    over.set()


def test_a_proxy_is_what_has_to_be_reached(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert download.reachable("localhost", server.getsockname()[1])
    for proxy, exempt, says in [
        ("http://127.0.0.1:1", "", "127.0.0.1 cannot be reached"),
        ("http://127.0.0.1:1", "nowhere.invalid", "nowhere.invalid cannot be reached"),
        ("127.0.0.1:one", "", "environment names for http://nowhere.invalid/sets/some.gz is no address"),
    ]:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", exempt)
        assert says in refused("nowhere.invalid", tmp_path / "toys")
    for proxy in ("http://127.0.0.1:8", "127.0.0.1:8", "http://name:word@127.0.0.1:8"):
        monkeypatch.setenv("http_proxy", proxy)
        assert download._hops({"a": ("http://nowhere.invalid/a", 1, SHA256)}) == [("127.0.0.1", 8)]
    assert download._hops({"a": ("https://nowhere.invalid/a", 1, SHA256)}) == [("nowhere.invalid", 443)]
