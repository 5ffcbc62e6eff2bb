"""Download of the original files of data sets by TFDS's DownloadManager, from the addresses in its registry.

Without a network a download fails within a second, and a connection that breaks is not retried. A file is complete in
its folder, or not there.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jaxgen.core.files import writing
from jaxgen.core.types import Refused

Source = tuple[str, int | None, str]  # address, bytes (None where unknown), sha256 or "md5:" and an md5
PROBE = 1.0  # seconds in which a server must be reached
SILENCE = 30.0  # seconds without a byte after which a connection is given up
PORTS = {"http": 80, "https": 443}


def sources(builder: str, files: Sequence[str]) -> dict[str, Source]:
    """File -> its source in TFDS's registry, of a set. Raises Refused for a file that the installed version lacks."""
    import tensorflow_datasets as tfds

    registered = {info.filename: (url, int(info.size), info.checksum) for url, info in _infos(builder).items()}
    if unknown := [file for file in files if file not in registered]:
        raise Refused(f"tensorflow-datasets {tfds.__version__} does not know where {unknown[0]} of {builder} is")
    return {file: registered[file] for file in files}


def _infos(builder: str) -> Mapping[str, Any]:
    import tensorflow_datasets as tfds

    return tfds.builder_cls(builder).url_infos or {}


def fetch(name: str, sources: Mapping[str, Source], folder: Path) -> None:
    """Downloads the files of a set that are not in `folder` yet, with a line on stderr for each.

    Args:
        name: of the set, for messages.
        sources: file -> its address, size and digest.
        folder: created where it is missing.

    Raises:
        Refused: there is no network, the server refuses or the connection breaks, the digest is wrong, or the folder
            cannot be written. Files that are complete by then are kept.
    """
    missing = {file: source for file, source in sources.items() if not os.path.exists(folder / file)}
    if not missing:
        return
    unreached = next((host for host, port in _hops(missing) if not reachable(host, port)), None)
    if unreached is not None:
        addresses = " and ".join(dict.fromkeys(_address(file, url) for file, (url, _, _) in missing.items()))
        raise Refused(
            f"{name} is not in {folder}, and {unreached} cannot be reached; put {', '.join(missing)} there "
            f"(from {addresses})"
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        needed = sum(size or 0 for _, size, _ in missing.values())
        if shutil.disk_usage(folder).free < needed + 2**20:
            raise Refused(f"{folder} has no room for the {needed / 2**20:,.0f} MiB of {name}")
        part = Path(tempfile.mkdtemp(prefix=".download-", dir=folder))
        try:
            for file, source in missing.items():
                size = f" ({source[1] / 2**20:,.1f} MiB)" if source[1] else ""
                print(f"{name}: fetching {file}{size} from {source[0]}", file=sys.stderr, flush=True)
                os.replace(_download(source, part), folder / file)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _address(file: str, url: str) -> str:
    """The folder of a file on its server, or the whole address where it has another name there."""
    return url.removesuffix(file) if url.endswith(f"/{file}") else url


def _hops(missing: Mapping[str, Source]) -> list[tuple[str, int]]:
    """Host and port of the first connection for each file: of its server, or of the proxy in the environment."""
    from requests.utils import get_environ_proxies, select_proxy

    hops: dict[tuple[str, int], None] = {}
    for url, _, _ in missing.values():
        address = select_proxy(url, get_environ_proxies(url)) or url
        first = urlsplit(address if "//" in address else f"http://{address}")
        try:
            hops[first.hostname or "", first.port or PORTS.get(first.scheme, 1080)] = None
        except ValueError as error:  # the address is not in the message, since it may have a password
            raise Refused(f"the proxy that the environment names for {url} is no address") from error
    return list(hops)


def reachable(host: str, port: int, seconds: float = PROBE) -> bool:
    """Whether a connection can be opened within so many seconds."""
    opened = threading.Event()

    def connect():
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host, port), seconds):
            opened.set()

    # In a thread, because the wait for a name server that does not answer cannot be interrupted.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return opened.is_set()


def _download(source: Source, part: Path) -> Path:
    """The path in `part` of the downloaded file. Raises Refused where it cannot be fetched, or has a wrong digest."""
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.checksums import UrlInfo
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    url, size, digest = source
    kind, _, digits = digest.rpartition(":")
    kind = kind or "sha256"
    infos = {url: UrlInfo(tfds.core.utils.Size(size), digits, None)} if size and kind == "sha256" else {}
    wrong = Refused(f"{url} is not the file it should be: its {kind} is not {digits}; nothing of it was kept")
    try:
        with bars(), _transfers():
            path = Path(tfds.download.DownloadManager(download_dir=part, url_infos=infos).download(url))
    except NonMatchingChecksumError as error:
        raise wrong from error
    except requests.RequestException as error:
        raise Refused(f"{url} cannot be fetched: {_reason(error)}") from error
    if not infos:  # TFDS compares size and sha256, or nothing
        with path.open("rb") as file:
            if hashlib.file_digest(file, kind).hexdigest() != digits:
                raise wrong
    return path


def _reason(error: Any) -> str:
    """The reason of an error of requests in a few words; its own message is a paragraph."""
    import requests

    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer for {SILENCE:.0f} s; try again"
    lost = isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    return "the connection was lost; try again" if lost else type(error).__name__


@contextlib.contextmanager
def bars() -> Iterator[None]:
    """Within it, TFDS draws its progress bars in a terminal only, since they would fill a log."""
    from tensorflow_datasets.core.utils import tqdm_utils

    before = tqdm_utils._active
    tqdm_utils.display_progress_bar(before and sys.stderr.isatty())
    try:
        yield
    finally:
        tqdm_utils.display_progress_bar(before)


@contextlib.contextmanager
def _transfers() -> Iterator[None]:
    """Within it, TFDS opens an address once, with a timeout; by default it retries for minutes and waits for hours.

    TFDS has no option for that. When this is left early, its thread ends with the next block, or Ctrl-C would wait.
    """
    import requests
    from tensorflow_datasets.core.download import downloader

    left = threading.Event()

    @contextlib.contextmanager
    def open_url(url, **options):
        with requests.get(url, stream=True, timeout=SILENCE, **options) as response:
            response.raise_for_status()
            yield response, blocks(response)

    def blocks(response):
        for block in response.iter_content(2**14):
            if left.is_set():
                return
            yield block

    before = downloader._open_url
    downloader._open_url = open_url
    try:
        yield
    finally:
        downloader._open_url = before
        left.set()
