"""Optimisers of a user's own: MODULE:FUNCTION, for a module that can be imported from the folder of the command.

The function is a factory as optax has them: it takes `learning_rate`, requires nothing else, and returns an
optax.GradientTransformation. `foreign` adapts it, so that the rate is a leaf of the state. One that takes `rate` and
`schedule` is a factory as this package has them and is used as it is, if its state has that leaf.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.imports import user_module
from jaxgen.core.progress import is_rate
from jaxgen.core.types import Refused
from jaxgen.optim import foreign

RATE = 1e-3  # where the signature has no default


def factory_of(name: str) -> tuple[Callable[..., optax.GradientTransformation], Mapping[str, Any], float]:
    """The fields of a `registry.Entry` for MODULE:FUNCTION.

    Raises Refused where there is none, it takes no learning rate, requires more, or returns something else.
    """
    function = function_of(name)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise Refused(f"{name} is no function that takes a learning_rate") from None
    ours = {"rate", "schedule"} <= parameters.keys()
    if not (rate_name := "rate" if ours else next((each for each in foreign.RATES if each in parameters), "")):
        raise Refused(f"{name} takes no learning_rate, so that none can be chosen for it")
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [key for key, each in parameters.items() if each.default is each.empty and each.kind not in variable]
    if further := [key for key in required if key not in (rate_name, "schedule")]:
        raise Refused(f"{name} needs {', '.join(further)} beside {rate_name}: give it a default")
    default = parameters[rate_name].default
    rate = float(default) if isinstance(default, int | float) else RATE
    if ours:
        takes = {key: each.default for key, each in parameters.items() if key not in ("rate", "schedule")}
        return _with_leaf(name, function, rate), takes, rate
    if not isinstance(made := function(**{rate_name: rate}), optax.GradientTransformation):
        raise Refused(f"{name} returns a {type(made).__name__}, not an optax.GradientTransformation")
    return foreign.factory(function), foreign.takes(function), rate


def function_of(name: str) -> Any:
    """What MODULE:FUNCTION names. Raises Refused where there is none."""
    stem, _, attribute = name.partition(":")
    if (module := user_module(stem)) is None:
        raise Refused(f"there is no optimizer {name!r}: {stem!r} cannot be imported from this folder")
    if attribute not in vars(module):
        raise Refused(f"there is no optimizer {name!r}: the module {stem} has no {attribute!r}")
    return vars(module)[attribute]


def _with_leaf(name: str, function: Callable, rate: float) -> Callable:
    """The factory. Raises Refused where its state has no leaf `rate`: other rates than the first would be ignored."""
    state = jax.eval_shape(function(rate).init, jax.ShapeDtypeStruct((), jnp.float32))
    if not any(is_rate(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)):
        raise Refused(f"{name} has no leaf named rate in its state; let it take learning_rate instead of rate")
    return function
