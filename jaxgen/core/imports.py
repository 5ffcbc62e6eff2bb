"""Modules of a user's own, by name, from the folder that a command is run in."""

import importlib
import importlib.util
import os
import sys
import traceback
from types import ModuleType

from jaxgen.core.types import Refused


def user_module(name: str) -> ModuleType | None:
    """The module with this dotted name, in the current folder or installed; None where there is none.

    Raises Refused where importing it fails, with the reason and the line.
    """
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    try:
        return importlib.import_module(name) if importlib.util.find_spec(name) else None
    except Exception as error:
        missing = (isinstance(error, ModuleNotFoundError) and error.name) or ""
        if missing and f"{name}.".startswith(f"{missing}."):  # not another module, which the name's imports
            return None
        raise Refused(f"the module {name} cannot be imported: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The error and, where it is not part of its message, the line that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    where = "" if isinstance(error, SyntaxError) else f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return f"{type(error).__name__}: {error}{where}"
