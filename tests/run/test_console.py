"""What is printed never stops a run, and never ends in a traceback."""

import errno
import io
import sys

import jax
import pytest

from jaxgen.core.types import Refused
from jaxgen.run import cli, console

BACKEND = "Unable to initialize backend 'nonsense': it is not in the list\nand more"


class Full(io.TextIOBase):
    """A disk without room, or a closed terminal."""

    def __init__(self, number=errno.ENOSPC):
        self.error = OSError(number, "no room")

    def write(self, text):
        raise self.error


def raised(error):
    def work():
        raise error

    return lambda: cli.guarded("vae", work)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "out of memory"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 TB"), "out of memory"),
        (jax.errors.JaxRuntimeError("INTERNAL: Error dispatching: Out of memory allocating 9 bytes"), "out of memory"),
        (
            RuntimeError(BACKEND),
            "JAX has no such device: Unable to initialize backend 'nonsense': it is not in the list",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write to stdout: No space left on device"),
        (Refused("no"), "no"),
    ],
)
def test_what_the_machine_lacks_is_a_sentence(error, sentence, capsys):
    assert raised(error)() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vae: {sentence}")


@pytest.mark.parametrize(
    "bug", [RuntimeError("INTERNAL: a bug"), OSError(errno.ENOSPC, "no room", "file"), ValueError()]
)
def test_a_bug_is_raised(bug):
    with pytest.raises(type(bug)):
        raised(bug)()


def test_a_reader_who_left_is_no_news(capsys):
    assert raised(BrokenPipeError(errno.EPIPE, "Broken pipe"))() == 128 + 13
    assert not capsys.readouterr().err


def test_nobody_to_tell(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full(errno.EIO))
    console.tell("stopping")


def test_any_text_can_be_printed(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, "ascii"))
    assert cli.guarded("vae", lambda: print("3 ± 1 l\udce4tin")) == 0
    assert buffer.getvalue() == b"3 \\xb1 1 l\\udce4tin\n"
