"""One file per technique, in a room for each family; see CONTRIBUTING.md.

A module that has a Config is a technique. One without holds mathematics that the techniques of its family share.
"""

import importlib
import pkgutil
from types import ModuleType

from jaxgen.core.types import Technique
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam


def modules() -> list[ModuleType]:
    """The modules of all techniques."""
    walked = [importlib.import_module(each.name) for each in pkgutil.walk_packages(__path__, f"{__name__}.")]
    return [module for module in walked if "Config" in vars(module)]


def first_cases() -> list[str]:
    """The name of the first small case of each technique's file."""
    return [next(iter(module.tiny())) for module in modules()]


def small_cases(optimizer: Factory = adam) -> dict[str, Technique]:
    """name -> small case, of every technique: what is tested and timed."""
    return {name: case for module in modules() for name, case in module.tiny(optimizer).items()}
