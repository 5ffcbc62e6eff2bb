"""The pickle of a state dict of torch, read without unpickling: no name in it is looked up, and no function is called.

A pickle is a program for a stack machine. This interpreter knows the instructions that state dicts are made of, and the
few names in ALLOWED, for each of which it has a function of its own; it refuses everything else.
https://github.com/python/cpython/blob/main/Lib/pickletools.py, https://pytorch.org/docs/stable/notes/serialization.html
"""

import pickletools
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.weights.tensors import BFLOAT16

STORAGES = {  # class of torch -> type of its numbers
    **{"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": BFLOAT16},
    **{"LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1"},
    **{"ByteStorage": "u1", "BoolStorage": "?"},
}
VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"),  # the last: of Python 2
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
RESAVE = "re-save its state dict with a new torch: torch.save(model.state_dict(), PATH)"


class Stored(NamedTuple):
    """A tensor: a view of numbers that are elsewhere in the file."""

    key: str  # of the numbers
    dtype: str  # of STORAGES, without byte order
    length: int  # numbers stored under the key
    offset: int  # number at which the tensor begins
    shape: tuple[int, ...]
    stride: tuple[int, ...]  # in numbers


class StorageType(NamedTuple):
    """What stands for a class of STORAGES."""

    dtype: str


def _rebuilt(storage: tuple[str, str, int], offset: int, shape: tuple, stride: tuple, *_: Any) -> Stored:
    return Stored(*storage, offset, tuple(shape), tuple(stride))


ALLOWED: dict[str, Any] = {
    "collections OrderedDict": lambda items=(): dict(items),
    "torch._utils _rebuild_tensor": _rebuilt,
    "torch._utils _rebuild_tensor_v2": _rebuilt,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
    **{f"torch {name}": StorageType(dtype) for name, dtype in STORAGES.items()},
}


def load(path: Path, file: Any) -> Any:
    """The next pickle in an open binary file: dicts, lists, tuples, numbers, strings and Stored.

    Raises Refused for other objects and damage; `path` is the file's in messages.
    """
    try:
        return _interpreted(path, file)
    except Refused:
        raise
    except Exception as error:  # damage raises many types, from pickletools and from the interpreter
        raise Refused(f"{path} is damaged, or older than torch 0.4: its list of tensors cannot be read") from error


def _interpreted(path: Path, file: Any) -> Any:
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
            stack.append(_allowed(path, str(argument) if name == "GLOBAL" else " ".join(_last(stack, 2))))
        elif name not in ("PROTO", "FRAME", "STOP") and not _combined(name, stack, marks):
            raise Refused(f"{path} holds a pickle with the instruction {name}, which no state dict has; {RESAVE}")
    (value,) = stack
    return value


def _allowed(path: Path, words: str) -> Any:
    """What stands for a name, "module name"."""
    if words not in ALLOWED:
        shown = ascii(".".join(words.split())[:80])[1:-1]
        raise Refused(f"{path} holds more than tensors: a pickle of {shown}, which could run any code; {RESAVE}")
    return ALLOWED[words]


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
    elif name == "BUILD":  # attributes, such as the `_metadata` of a state dict
        stack.pop()
    elif name == "REDUCE":
        function, arguments = _last(stack, 2)
        stack.append(function(*arguments))
    elif name == "BINPERSID":
        stack.append(_storage(*stack.pop()))
    else:
        return False
    return True


def _storage(kind: str, number_type: StorageType, key: str, _device: str, length: int, *view: Any) -> tuple:
    """Key, type and number of the numbers that a tensor refers to."""
    if kind != "storage" or not isinstance(key, str) or any(view):
        raise ValueError(f"a reference to {kind}")
    return key, number_type.dtype, length


def _since_mark(stack: list, marks: list[int]) -> list:
    return _last(stack, len(stack) - marks.pop())


def _last(stack: list, count: int) -> list:
    """The last values, taken off the stack."""
    return [stack.pop() for _ in range(count)][::-1]


def _pairs(items: list) -> dict:
    return dict(zip(items[::2], items[1::2], strict=True))
