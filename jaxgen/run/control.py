"""What the processes of one run tell each other, besides what their devices exchange: JSON over TCP, in a star.

Process 0 is its centre. A process that ends, is refused or falls silent ends the others with a sentence: in a
collective operation devices would wait for it without end, or stop with a trace of the C++ stack.
"""

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.run import console

LEFT = threading.Event()  # set once this process has left others: JAX, when it ends, would wait for them and abort
BEAT, SILENCE = 5.0, 45.0  # seconds between signs of life, and without one until a process counts as lost
WAIT = 120.0  # seconds for all to come


class Group(NamedTuple):
    """The processes of a run, as one of them sees them."""

    process: int  # which it is, from 0
    processes: int
    exchange: Callable[[Any], list[Any]]  # JSON of this process -> that of each; every process has to call it
    leave: Callable[[str], None]  # ends the others with this sentence
    close: Callable[[], None]  # no more is said

    def first(self, work: Callable[[], Any]) -> Any:
        """What `work`, done by process 0 alone, returns, as JSON has it; every process has to call it."""
        return self.exchange(None if self.process else work())[0]

    def before(self, work: Callable[[], Any]) -> Any:
        """What `work` returns, done by process 0 and then by the others: they find the files that it wrote."""
        if self.process:
            self.exchange(None)
            return work()
        done = work()
        self.exchange(None)
        return done


ALONE = Group(0, 1, lambda mine: [mine], lambda sentence: None, lambda: None)


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
                message = _line(connection)
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
        _send(connection, {"say": answer})
    return _group(0, processes, called)


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
            _send(connection, {"process": process, "about": about})
            reply = _line(connection)
            if "leave" in reply:
                raise Refused(f"process 0 left: {reply['leave']}")
            return _group(process, processes, {0: connection}), reply["say"]
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
            _send(connection, {"leave": sentence})
    return Refused(sentence)


def _send(connection, message):
    connection.sendall(json.dumps(message).encode() + b"\n")


def _line(connection):
    """The next message, read byte by byte: what comes after it is for another reader."""
    data = b""
    while not data.endswith(b"\n"):
        if not (more := connection.recv(1)):
            raise OSError("closed")
        data += more
    return json.loads(data)


def _group(process, processes, connections):
    """The Group of a process with these connections: of all others, or of process 0."""
    said: dict[int, queue.SimpleQueue] = {number: queue.SimpleQueue() for number in connections}
    sending, ending, closed = threading.Lock(), threading.Lock(), threading.Event()

    def tell(message, to=None):
        for number, connection in connections.items():
            if to in (None, number):
                with contextlib.suppress(OSError), sending:
                    _send(connection, message)

    def end(sentence):
        with ending:
            if not closed.is_set():
                tell({"leave": sentence})
                console.tell(sentence, sys.__stderr__)
                os._exit(2)

    def read(number, connection):
        with connection, contextlib.suppress(OSError, ValueError), connection.makefile("r") as lines:
            for message in map(json.loads, lines):
                if "say" in message:
                    said[number].put(message["say"])
                elif "leave" in message:
                    return end(message["leave"])
                elif "close" in message:
                    return
        end(f"process {number} of {processes} is lost; the same command goes on from the last checkpoint")

    def beat():
        while not closed.wait(BEAT):
            tell({"beat": 1})

    def exchange(mine):
        if process:
            tell({"say": mine})
            return said[0].get()
        every = [mine, *(said[number].get() for number in range(1, processes))]
        tell({"say": every})
        return every

    def close():
        closed.set()
        tell({"close": 1})

    def leave(sentence):
        closed.set()
        LEFT.set()
        tell({"leave": f"process {process} of {processes} left: {sentence}"})

    for number, connection in connections.items():
        connection.settimeout(SILENCE)
        threading.Thread(target=read, args=(number, connection), daemon=True).start()
    threading.Thread(target=beat, daemon=True).start()
    return Group(process, processes, exchange, leave, close)
