"""The pickle of a state dict of torch, read without unpickling: no name in it is looked up, and no function is called.

The interpreter of `pickle_machine` is given the few names in ALLOWED, for each of which there is a function here.
https://pytorch.org/docs/stable/notes/serialization.html
"""

from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.formats import pickle_machine
from jaxgen.data.weights.tensors import BFLOAT16

STORAGES = {  # class of torch -> type of its numbers
    **{"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": BFLOAT16},
    **{"LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1"},
    **{"ByteStorage": "u1", "BoolStorage": "?"},
}
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
        # A state is attributes, such as the `_metadata` of a state dict.
        return pickle_machine.run(file, ALLOWED, build=lambda made, state: None, persistent=_storage)
    except pickle_machine.UnknownInstruction as error:
        instruction = f"the instruction {error}, which no state dict has"
        raise Refused(f"{path} holds a pickle with {instruction}; {RESAVE}") from error
    except pickle_machine.UnknownName as error:
        shown = pickle_machine.printable(error)
        raise Refused(
            f"{path} holds more than tensors: a pickle of {shown}, which could run any code; {RESAVE}"
        ) from error
    except Exception as error:  # damage raises many types
        raise Refused(f"{path} is damaged, or older than torch 0.4: its list of tensors cannot be read") from error


def _storage(kind: str, number_type: StorageType, key: str, _device: str, length: int, *view: Any) -> tuple:
    """Key, type and number of the numbers that a tensor refers to."""
    if kind != "storage" or not isinstance(key, str) or any(view):
        raise ValueError(f"a reference to {kind}")
    return key, number_type.dtype, length
