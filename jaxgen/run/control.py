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
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxgen.run import console

LEFT = threading.Event()  # set once this process has left others: JAX, when it ends, would wait for them and abort
BEAT, SILENCE = 5.0, 45.0  # seconds between signs of life, and without one until a process counts as lost


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


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """A message, as a line."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def line(connection: socket.socket) -> Any:
    """The next message, read byte by byte: what comes after it is for another reader."""
    data = b""
    while not data.endswith(b"\n"):
        if not (more := connection.recv(1)):
            raise OSError("closed")
        data += more
    return json.loads(data)


def joined(process: int, processes: int, connections: Mapping[int, socket.socket]) -> Group:
    """The Group of a process with these connections: to all others, or to process 0."""
    inbox: dict[int, queue.SimpleQueue] = {number: queue.SimpleQueue() for number in connections}
    sending, ending, closed = threading.Lock(), threading.Lock(), threading.Event()

    def tell(message):
        for connection in connections.values():
            with contextlib.suppress(OSError), sending:
                send(connection, message)

    def end(sentence):
        with ending:
            if not closed.is_set():
                closed.set()
                tell({"leave": sentence})
                console.tell(sentence, sys.__stderr__)
                os._exit(2)

    def read(number, connection):
        with connection, contextlib.suppress(OSError, ValueError), connection.makefile("r") as lines:
            for message in map(json.loads, lines):
                if "say" in message:
                    inbox[number].put(message["say"])
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
            return inbox[0].get()
        every = [mine, *(inbox[number].get() for number in range(1, processes))]
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
