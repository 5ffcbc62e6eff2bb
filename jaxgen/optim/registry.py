"""Optimisers by name: those of this package, and optax's."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import optax

from jaxgen.core.types import Refused
from jaxgen.optim import adaptive, custom, foreign, lbfgs, textbook

OURS = (
    *(textbook.sgd, textbook.momentum, textbook.nesterov, textbook.adagrad, textbook.rmsprop, textbook.adam),
    *(adaptive.adadelta, adaptive.adamw, adaptive.amsgrad, adaptive.nadam, adaptive.lion),
)
OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {each.__name__: each for each in OURS}
SEARCHES = {"lbfgs": lbfgs.lbfgs}  # which take the loss's value beside its gradient, and are for losses without noise
BY_NAME = OPTIMIZERS | SEARCHES
LIBRARY = (
    "rate",
    "schedule",
    "memory",
    "mu_dtype",
    "accumulator_dtype",
)  # arguments of the factories that are no flags


class Entry(NamedTuple):
    """An optimiser and its options."""

    factory: Callable[..., optax.GradientTransformation]  # (rate, *, schedule=constant, **hyper-parameters)
    takes: Mapping[str, Any]  # its hyper-parameters: name of the flag -> default
    rate: float  # the published learning rate


def find(name: str) -> Entry:
    """The optimiser of that name: one of OPTIMIZERS or SEARCHES, optax.NAME and optax.contrib.NAME (see `foreign`), or
    MODULE:FUNCTION of a user's own (see `custom`).

    Raises:
        Refused: there is none, with the nearest names; or it cannot be used, with the reason.
    """
    if name in BY_NAME:
        return _ours(name)
    if ":" in name:
        return Entry(*custom.factory_of(name))
    try:
        function = foreign.builder(name)
    except KeyError:
        raise Refused(_unknown(name)) from None
    bare = name.rsplit(".", 1)[-1]
    known = {name: _ours(name).rate for name in OPTIMIZERS} | foreign.PUBLISHED
    rate = known[bare] if bare in known else foreign.default_rate(function)
    return Entry(foreign.factory(function), foreign.takes(function), rate)


def _ours(name: str) -> Entry:
    factory = BY_NAME[name]
    parameters = inspect.signature(factory).parameters
    takes = {key: each.default for key, each in parameters.items() if key not in LIBRARY}
    return Entry(factory, takes, parameters["rate"].default)


def _unknown(name: str) -> str:
    """The message for an unknown name, with the nearest names of both packages."""
    full_names = {key: [key] for key in OPTIMIZERS}
    for key in foreign.usable_optimizers():
        full_names.setdefault(key, []).append(f"optax.{key}")
    near = difflib.get_close_matches(name.rsplit(".", 1)[-1].lower(), full_names)
    if not near:
        return f"there is no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}, and optax.NAME for those of optax"
    return f"there is no optimizer {name!r}; the nearest: {', '.join(full for key in near for full in full_names[key])}"
