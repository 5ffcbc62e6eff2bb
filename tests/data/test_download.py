"""Files are fetched once, whole and under their own names, from a server on this machine or not at all."""

import contextlib
import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import refusals

from jaxgen.core.types import Refused
from jaxgen.data import download

pytestmark = pytest.mark.ci
CONTENT = bytes(range(256)) * 2000
SIZE, SHA256, MD5 = len(CONTENT), *(hashlib.new(kind, CONTENT).hexdigest() for kind in ("sha256", "md5"))


class Handler(BaseHTTPRequestHandler):
    """Answers by the first folder of the path: good, wrong, cut, endless, or a number to fail with."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind.isdigit():
            self.send_error(int(kind))
            return
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        with contextlib.suppress(OSError):
            body = {"wrong": CONTENT[::-1], "cut": CONTENT[:3000], "endless": CONTENT[:3000]}.get(kind, CONTENT)
            self.wfile.write(body)
            while kind == "endless" and not self.server.over.wait(0.01):
                self.wfile.write(bytes(2000))

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with pytest.raises(Refused, match="does not know where"):
        download.sources("mnist", ["others"])  # imports TFDS, which no test is to wait for
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server.asked.clear()
    return f"http://127.0.0.1:{server.server_port}"


def source(address, sha256=SHA256, size=SIZE):
    return {"some.gz": (address, size, sha256)}


def refused(says, sources, folder):
    """Soon, and nothing is left in the folder; the sentence."""
    start = time.monotonic()
    said = refusals.refused(says, download.fetch, "toys", sources, folder)
    assert time.monotonic() - start < 4
    assert not folder.exists() or not list(folder.iterdir())
    return said


def test_files_come_under_their_own_names_once(tmp_path, url, server, capfd):
    folder = tmp_path / "new" / "toys"
    both = source(f"{url}/good/a%20b?x=1", size=None) | {"other": (f"{url}/good/other", SIZE, f"md5:{MD5}")}
    download.fetch("toys", both, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"some.gz": CONTENT, "other": CONTENT}
    assert server.asked == ["/good/a%20b?x=1", "/good/other"]
    said = f"toys: fetching some.gz from {url}/good/a%20b?x=1\ntoys: fetching other (0.5 MiB) from {url}/good/other\n"
    assert capfd.readouterr() == ("", said)
    (folder / "other").unlink()
    download.fetch("toys", both, folder)
    assert server.asked[2:] == ["/good/other"]
    capfd.readouterr()
    download.fetch("toys", both, folder)
    assert len(server.asked) == 3
    assert capfd.readouterr() == ("", "")


def test_another_file_than_expected_is_not_kept(tmp_path, url):
    for kind, size in (("wrong", SIZE), ("wrong", None), ("good", SIZE - 1)):  # TFDS remembers sizes by address
        refused("/a is not the file it should be: its sha256", source(f"{url}/{kind}/{size}/a", size=size), tmp_path)
    refused("/a is not the file it should be: its md5 is not", source(f"{url}/wrong/5/a", f"md5:{MD5}"), tmp_path)


def test_what_came_before_a_failure_stays(tmp_path, url, server):
    first = source(f"{url}/good/a")
    with pytest.raises(Refused, match="404 Not Found"):
        download.fetch("toys", first | {"b": (f"{url}/404/b", 1, SHA256), "c": (f"{url}/good/c", 1, SHA256)}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["some.gz"]
    assert server.asked == ["/good/a", "/404/b"]


def test_a_server_that_fails_is_not_asked_again(tmp_path, url, server):
    for kind, says in {"cut": "the connection was lost; try again", "404": "404 Not Found", "503": "503"}.items():
        server.asked.clear()
        refused(f"{url}/{kind}/a cannot be fetched: {says}", source(f"{url}/{kind}/a"), tmp_path)
        assert len(server.asked) == 1


def test_a_server_that_falls_silent_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.2)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as mute:  # accepts, since it listens, and never answers
        refused("no answer for 0 s; try again", source(f"http://127.0.0.1:{mute.server_port}/a"), tmp_path)


def test_a_full_disk_and_a_folder_that_cannot_be_made(tmp_path, url, server, monkeypatch):
    refused("has no room for the .* MiB of toys", source(f"{url}/good/a", size=2**60), tmp_path)
    assert not server.asked
    monkeypatch.setattr(download, "_download", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    refused(f"cannot write {tmp_path}: No space left", source(f"{url}/good/a"), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot write .*file/toys: Not a directory"):
        download.fetch("toys", source(f"{url}/good/a"), tmp_path / "file" / "toys")


def test_what_cannot_be_reached_is_to_be_put_where_it_belongs(tmp_path, monkeypatch):
    """Without waiting for an address of which nothing answers (RFC 5737), a name server or a proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    def unreached(host, says="{host} cannot be reached"):
        address = f"http://{host}/sets/some.gz"
        both = {"some.gz": (address, 1, SHA256), "other": (f"http://{host}/files/5", None, SHA256)}
        return refused(says.format(host=host.split(":")[0]), both, tmp_path / "toys")

    for host in ("192.0.2.1", "nowhere.invalid", "127.0.0.1:1", "a..b"):
        assert unreached(host) == (
            f"toys is not in {tmp_path / 'toys'}, and {host.split(':')[0]} cannot be reached; put some.gz, other there "
            f"(from http://{host}/sets/ and http://{host}/files/5)"
        )
    for proxy, exempt, says in [
        ("http://127.0.0.1:1", "", "127.0.0.1 cannot be reached"),
        ("http://127.0.0.1:1", "nowhere.invalid", "nowhere.invalid cannot be reached"),
        ("127.0.0.1:one", "", "environment names for http://nowhere.invalid/sets/some.gz is no address"),
    ]:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", exempt)
        unreached("nowhere.invalid", says)
    for proxy in ("http://127.0.0.1:8", "127.0.0.1:8", "http://name:word@127.0.0.1:8"):
        monkeypatch.setenv("http_proxy", proxy)
        assert download._hops(source("http://nowhere.invalid/a")) == [("127.0.0.1", 8)]
    assert download._hops(source("https://nowhere.invalid/a")) == [("nowhere.invalid", 443)]
    monkeypatch.delenv("http_proxy")
    over, silent = threading.Event(), open(os.devnull)  # noqa: SIM115 - to enter, as a connection
    monkeypatch.setattr(socket, "create_connection", lambda *_: over.wait(20) and silent)
    unreached("some.where")
    over.set()


PROGRAM = """
import sys
from pathlib import Path
from jaxgen.data import download
download.fetch("toys", {"some.gz": (sys.argv[1], int(sys.argv[3]), "")}, Path(sys.argv[2]))
"""


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_download_leaves_nothing_under_the_files_name(tmp_path, url, server, stop):
    program = [sys.executable, "-c", PROGRAM, f"{url}/endless/a", str(tmp_path), str(SIZE)]
    with subprocess.Popen(program, stderr=subprocess.PIPE, env={**os.environ, "NO_PROXY": "*"}) as process:
        while not any(path.is_file() for path in tmp_path.rglob("*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(stop)
        process.wait(5)  # and not until the server is done
    assert process.returncode
    assert not (tmp_path / "some.gz").exists()
    assert stop == signal.SIGKILL or not list(tmp_path.iterdir())


def test_tfds_knows_where_the_originals_are():
    found = download.sources("mnist", ["t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"])
    assert list(found) == ["t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"]
    url, size, sha256 = found["t10k-labels-idx1-ubyte.gz"]
    assert (Path(url).name, size, sha256[:8]) == ("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f9")
    refusals.refused("does not know where others of mnist is", download.sources, "mnist", ["others"])
