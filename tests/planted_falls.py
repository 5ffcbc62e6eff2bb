"""Readers that fall as mutants are not to: what is said of each is the Case's format."""

import ctypes
import time

from mutants import Case

from jaxgen.core.types import Refused

WHOLE = "whole " * 99


def refusing(said):
    def refuse():
        raise Refused(said)

    return refuse


FALLS = {
    "no answer in": lambda: time.sleep(60),
    "the process ended with -11": lambda: ctypes.string_at(0),
    "MemoryError": lambda: bytearray(2**31),
    "KeyError": lambda: {}["lost"],
    "names no file": refusing("of what?"),
    "more than a line": refusing("a.txt\nis damaged"),
    "1005 characters": refusing("a.txt" + "x" * 1000),
    "": lambda: None,
}


def case(says, fall):
    def read(at):
        if (at / "a.txt").read_bytes() != WHOLE.encode():
            fall()

    return Case(says, "a.txt", lambda at: (at / "a.txt").write_text(WHOLE), read)


CASES = [case(says, fall) for says, fall in FALLS.items()]
