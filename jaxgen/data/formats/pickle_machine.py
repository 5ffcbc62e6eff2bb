"""Pickles read without unpickling: no name in them is looked up, and no function of another module is called.

A pickle is a program for a stack machine. This interpreter knows the instructions that tensors and arrays are made of;
what stands for each name in the program, its caller says.
https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any

VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),  # of Python 2: bytes, decoded as Latin-1
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class UnknownInstruction(Exception):
    """An instruction that this machine does not have; its name is the message."""


class UnknownName(Exception):
    """A name, "module name", that nothing stands for."""


def printable(error: UnknownName) -> str:
    """The name as "module.name", for a message."""
    return ascii(".".join(str(error).split())[:80])[1:-1][:60]


def run(
    file: Any,
    names: Mapping[str, Any],
    build: Callable[[Any, Any], None],
    persistent: Callable[..., Any] | None = None,
) -> Any:
    """The value of the next pickle in an open binary file.

    Args:
        file: is left behind the pickle.
        names: "module name" -> what stands for it: a function that REDUCE may call, or any value.
        build: receives an object and the state that the pickle gives to it.
        persistent: what a tuple of BINPERSID stands for.

    Raises:
        UnknownInstruction, UnknownName: the pickle has others. Damage raises many other types.
    """
    stack: list[Any] = []
    marks: list[int] = []  # heights of the stack
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in VALUES:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            words = str(argument) if name == "GLOBAL" else " ".join(_last(stack, 2))
            if words not in names:
                raise UnknownName(words)
            stack.append(names[words])
        elif name == "BUILD":
            state = stack.pop()
            build(stack[-1], state)
        elif name == "BINPERSID" and persistent is not None:
            stack.append(persistent(*stack.pop()))
        elif name not in ("PROTO", "FRAME", "STOP") and not _combined(name, stack, marks):
            raise UnknownInstruction(name)
    (value,) = stack
    return value


def _combined(name: str, stack: list, marks: list[int]) -> bool:
    """Replaces values at the end of the stack by one, as the instruction says; False where it is another one."""
    if name in ("TUPLE", "LIST", "DICT"):
        items = _since_mark(stack, marks)
        stack.append(tuple(items) if name == "TUPLE" else items if name == "LIST" else _pairs(items))
    elif name in TUPLES:
        stack.append(tuple(_last(stack, TUPLES[name])))
    elif name in ("SETITEM", "SETITEMS"):
        pairs = _pairs(_last(stack, 2) if name == "SETITEM" else _since_mark(stack, marks))
        stack[-1].update(pairs)
    elif name in ("APPEND", "APPENDS"):
        items = _last(stack, 1) if name == "APPEND" else _since_mark(stack, marks)
        stack[-1].extend(items)
    elif name == "REDUCE":
        function, arguments = _last(stack, 2)
        stack.append(function(*arguments))
    else:
        return False
    return True


def _since_mark(stack: list, marks: list[int]) -> list:
    return _last(stack, len(stack) - marks.pop())


def _last(stack: list, count: int) -> list:
    """The last values, taken off the stack."""
    return [stack.pop() for _ in range(count)][::-1]


def _pairs(items: list) -> dict:
    return dict(zip(items[::2], items[1::2], strict=True))
