"""Optimisers of optax and optax.contrib by name, their learning rate a leaf of the state as it is of ours.

An optimiser qualifies by its signature: it takes `learning_rate` (optax.polyak_sgd: `max_learning_rate`) and needs
nothing else. It is built anew in each update, with the traced rate of then, so that the rate is vmapped, scheduled, cut
and resumed; optax.inject_hyperparams would make arrays of beta1 and beta2 too, and round them.

What each makes of the rate is its own: optax.lbfgs is given none, as its line search finds the length of each step;
the rate of optax.rprop is its first step, and nothing changes it later; optax.prodigy and optax.dadapt_adamw multiply
their own estimate by it (1.0 is the published rate) and give NaN at 0. optax.schedule_free_sgd and _adamw train at
another point than the one they recommend to evaluate, optax.contrib.schedule_free_eval_params(state.slots, params):
what a run evaluates and saves here is the point they train at. optax.noisy_sgd draws the same noise in every run.
"""

import functools
import inspect
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib

from jaxgen.core.types import Refused
from jaxgen.optim.rate import advance, begin, constant

Build = Callable[..., optax.GradientTransformation]
RATES = ("learning_rate", "max_learning_rate")
WRAPPED = ("optimizer", "base_optimizer", "fast_optimizer", "inner", "inner_factory", "transforms", "args")
OWN_NAMES = {  # the names that flags have -> those that arguments of optax's have
    "momentum": ("momentum", "beta"),
    "beta1": ("b1", "betas"),
    "beta2": ("b2", "betas", "decay", "rho"),
    "eps": ("eps",),
    "eps_inside_root": ("eps_in_sqrt",),
    "weight_decay": ("weight_decay",),
}


def rated(build: Build) -> Build:
    """The factory (rate, *, schedule=constant, **options) of what `build(learning_rate, **options)` makes.

    The state is a RateState, its slots are the optimiser's own state, as it is copied (the loop donates the parameters,
    of which some keep a part) and of the dtypes that it begins with. `update` passes on value, grad and value_fn.
    """

    def factory(rate, *, schedule=constant, **options):
        def init(params):
            state = begin(rate, ())
            slots = build(state.rate, **options).init(params)
            return state._replace(slots=jax.tree.map(_owned, slots))

        def update(grads, state, params=None, **extra):
            eta, after = advance(state, schedule)
            inner = optax.with_extra_args_support(build(eta, **options))
            delta, slots = inner.update(grads, state.slots, params, **extra)
            return _like(delta, grads), after._replace(slots=_like(slots, state.slots))

        return optax.GradientTransformationExtraArgs(init, update)

    return factory


def _owned(leaf: Any) -> jax.Array:
    """A copy, and never of a weak type, which the next update would make a strong one."""
    is_key = jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)
    return jnp.copy(leaf) if is_key else jnp.array(leaf, jnp.result_type(leaf))


def _like(tree: Any, model: Any) -> Any:
    """In the model's dtypes: a rate in float64 promotes what it multiplies."""
    return jax.tree.map(lambda new, old: new if new.dtype == old.dtype else new.astype(old.dtype), tree, model)


def factory(function: Build) -> Build:
    """The factory (rate, *, schedule=constant, **hyper-parameters by the names that flags have) of optax's function."""
    has, own = inspect.signature(function).parameters, arguments(function)
    given = {"key": 0} if "key" in has else {}
    rate_name = next(name for name in RATES if name in has)

    def build(eta, **options):
        renamed = given | {own[name]: value for name, value in options.items() if own[name] != "betas"}
        if "betas" in own.values():
            renamed["betas"] = tuple({**takes(function), **options}[name] for name in ("beta1", "beta2"))
        # What a line search is handed it multiplies its steps by, and would only have to undo.
        handed = {} if "linesearch" in has else {rate_name: eta}
        made = optax.with_extra_args_support(function(**handed, **renamed))
        if "hessian_diagonal_fn" not in has:
            return made
        # sophia calls `obj_fn` what the others call `value_fn`; lbfgs refuses arguments it does not know.
        update = lambda *args, **extra: made.update(*args, **{"obj_fn": extra.get("value_fn"), **extra})
        return optax.GradientTransformationExtraArgs(made.init, update)

    return rated(build)


def arguments(function: Build) -> Mapping[str, str]:
    """The hyper-parameters that optax's function has: the names that flags have -> the names of its arguments."""
    has = inspect.signature(function).parameters
    found = {flag: next((name for name in names if name in has), "") for flag, names in OWN_NAMES.items()}
    if "alpha" in has and found["momentum"] == "beta":
        found["momentum"] = ""  # alpha and beta are the strengths of optimism
    return {flag: name for flag, name in found.items() if name}


def takes(function: Build) -> dict[str, Any]:
    """The hyper-parameters that optax's function has, by the names that flags have, and their defaults."""
    has = inspect.signature(function).parameters
    found = {flag: has[name].default for flag, name in arguments(function).items()}
    pair = {"beta1": 0, "beta2": 1}
    return {flag: value[pair[flag]] if isinstance(value, tuple) else value for flag, value in found.items()}


def default_rate(function: Build) -> float:
    """The learning rate of the signature; 1.0 of a line search; 1e-3 where there is none."""
    has = inspect.signature(function).parameters
    default = next(has[name].default for name in RATES if name in has)
    return default if isinstance(default, float) else 1.0 if "linesearch" in has else 1e-3


def public(*modules: Any) -> Iterator[tuple[str, Build]]:
    """(name, function) of what is public in these modules, by default in optax and then optax.contrib."""
    for module in modules or (optax, optax.contrib):
        for name, each in sorted(vars(module).items()):
            if not (name.startswith("_") or inspect.isclass(each) or isinstance(each, types.ModuleType)):
                yield name, each


def refusal(name: str, function: Build) -> str:
    """Why no run can be trained by this public function of optax, as half a sentence; "" where one can."""
    try:
        has = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return "is no optimiser"
    needed = [key for key, each in has.items() if each.default is each.empty and key not in RATES]
    if next(iter(has), "") in WRAPPED:
        return "wraps another optimiser, which no flag names"
    if name == "dpsgd":
        return "needs the gradient of each example, and a step has their mean"
    if name.startswith("scale_by_") or not any(rate in has for rate in RATES):
        return "takes no learning rate, so that it is a part of optimisers or none"
    if needed:
        return f"needs {', '.join(needed)}, which no flag gives"
    return _deprecation(function)


def _deprecation(function: Build) -> str:
    """What optax says of a function that it will drop, when it is called."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        jax.eval_shape(factory(function)(1.0).init, jax.ShapeDtypeStruct((), jnp.float32))
    said = [str(each.message) for each in heard if issubclass(each.category, DeprecationWarning)]
    return f"will be dropped: {said[0].rstrip('.')}" if said else ""


@functools.cache
def usable() -> Mapping[str, Build]:
    """The optimisers of optax and optax.contrib that a run can be trained by, by their bare names."""
    return {name: each for name, each in public() if not refusal(name, each)}


def builder(name: str) -> Build:
    """The function that optax.NAME is, in optax or else in optax.contrib; optax.contrib.NAME in the latter only.

    Raises Refused, with the reason, where no run can be trained by it, and KeyError where there is none.
    """
    stem, _, bare = name.rpartition(".")
    places = {"optax": (optax.contrib, optax), "optax.contrib": (optax.contrib,)}
    found = dict(public(*places[stem]))
    reason = refusal(bare, found[bare])
    if reason:
        raise Refused(f"{name} cannot be used: it {reason}")
    return found[bare]
