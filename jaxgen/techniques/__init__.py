"""One file per technique; see CONTRIBUTING.md."""

import importlib
import pkgutil

from jaxgen.core.types import Technique


def found() -> dict[str, Technique]:
    """name -> small case, of every module below this package: what is tested and timed."""
    cases: dict[str, Technique] = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        if not module.ispkg:
            cases |= importlib.import_module(module.name).tiny()
    return cases
