"""Optimisers by name: ours, and optax's."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import optax

from jaxgen.core.types import Refused
from jaxgen.optim.textbook import adagrad, adam, momentum, nesterov, rmsprop, sgd

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    each.__name__: each for each in (sgd, momentum, nesterov, adagrad, rmsprop, adam)
}


class Entry(NamedTuple):
    """An optimiser, and what can be said to it."""

    factory: Callable[..., optax.GradientTransformation]  # (rate, *, schedule=constant, **hyper-parameters)
    takes: Mapping[str, Any]  # its hyper-parameters by the names that flags have, and their defaults
    rate: float  # the published learning rate


def find(name: str) -> Entry:
    """The optimiser of that name. Raises Refused where there is none, with the nearest names."""
    if name not in OPTIMIZERS:
        near = difflib.get_close_matches(name, OPTIMIZERS) or OPTIMIZERS
        raise Refused(f"there is no optimizer {name!r}; the nearest: {', '.join(near)}")
    parameters = inspect.signature(OPTIMIZERS[name]).parameters
    takes = {key: each.default for key, each in parameters.items() if key not in ("rate", "schedule")}
    return Entry(OPTIMIZERS[name], takes, parameters["rate"].default)
