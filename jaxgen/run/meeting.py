"""How the processes of a run meet: process 0 listens, the others call it, and all compare what they are."""

import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.run.control import BEAT, SILENCE, Group, joined, line, send

WAIT = 120.0  # seconds for all to come


def listening(port: int) -> socket.socket:
    """A socket that accepts calls at this port of the machine. Raises Refused where that cannot be."""
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise Refused(f"cannot listen at port {port}: {error.strerror or error}") from error


def gather(listener: socket.socket, processes: int, about: Mapping[str, Any], answer: Any, wait: float = WAIT) -> Group:
    """The group of process 0, once all others have called; each receives the `answer`.

    Args:
        listener: see `listening`.
        processes: how many there are.
        about: what all of them have to say alike, such as their number and versions.
        answer: JSON.
        wait: seconds.

    Raises Refused where one does not come, comes twice or says something else.
    """
    called: dict[int, socket.socket] = {}
    deadline = time.monotonic() + wait
    try:
        while len(called) < processes - 1:
            listener.settimeout(max(0.01, deadline - time.monotonic()))
            connection, _ = listener.accept()
            connection.settimeout(BEAT)
            try:
                message = line(connection)
                number, theirs = int(message["process"]), dict(message["about"])
            except (OSError, ValueError, KeyError, TypeError):
                connection.close()  # whatever called, it is none of them
                continue
            _check(number, called, processes, about, theirs)
            called[number] = connection
    except TimeoutError:
        missing = ", ".join(str(n) for n in range(1, processes) if n not in called)
        raise _refusal(called, f"of {processes} processes {missing} did not come within {wait:.0f} seconds") from None
    except Refused as refusal:
        raise _refusal({**called, -1: connection}, str(refusal)) from None
    for connection in called.values():
        send(connection, {"say": answer})
    return joined(0, processes, called)


def call(host: str, port: int, process: int, processes: int, about: Mapping[str, Any], wait: float = WAIT) -> Any:
    """The group of another process than 0, and the answer it received. Raises Refused as `gather` does."""
    deadline, reason = time.monotonic() + wait, "no answer"
    while time.monotonic() < deadline:
        try:
            connection = socket.create_connection((host, port), timeout=max(0.01, deadline - time.monotonic()))
        except OSError as error:
            reason = error.strerror or str(error)
            time.sleep(0.2)
            continue
        try:
            connection.settimeout(wait + SILENCE)
            send(connection, {"process": process, "about": about})
            reply = line(connection)
            if "leave" in reply:
                raise Refused(f"process 0 left: {reply['leave']}")
            return joined(process, processes, {0: connection}), reply["say"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            connection.close()
            if isinstance(error, Refused):
                raise
            raise Refused(f"what answers at {host}:{port} is no process of this run") from error
    raise Refused(f"process 0 does not answer at {host}:{port} within {wait:.0f} seconds: {reason}")


def _check(number, called, processes, about, theirs):
    """Raises Refused where a process that called is not one that is waited for."""
    named = [(name, value, theirs.get(name)) for name, value in about.items()]
    if differing := [f"{name}: {here} here, {there} there" for name, here, there in named if here != there]:
        raise Refused(f"process {number} was started otherwise than process 0 ({'; '.join(differing)})")
    if number in called or not 0 < number < processes:
        raise Refused(f"two processes were started as --process={number}")


def _refusal(called, sentence):
    """The Refused with this sentence, which those that called have received."""
    for connection in called.values():
        with connection, contextlib.suppress(OSError):
            send(connection, {"leave": sentence})
    return Refused(sentence)
