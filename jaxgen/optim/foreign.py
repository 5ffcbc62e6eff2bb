"""Optimisers of optax and optax.contrib by name, adapted so that the learning rate is a leaf of their state.

An optimiser qualifies by its signature: it takes `learning_rate` (optax.polyak_sgd: `max_learning_rate`) and requires
nothing else. Each update builds it again with the traced rate, so that the rate can be vmapped, scheduled, cut and
resumed; optax.inject_hyperparams would also turn beta1 and beta2 into arrays, and round them.

Optimisers use the rate in different ways. optax.lbfgs takes none, since its line search determines the length of each
step. The rate of optax.rprop is its first step, and later changes have no effect. optax.prodigy and optax.dadapt_adamw
multiply their own estimate by it (the published rate is 1.0) and return NaN at 0. optax.schedule_free_sgd and _adamw
train at another point than the one to evaluate, optax.contrib.schedule_free_eval_params(state.slots, params); a run
evaluates and saves the point they train at. optax.noisy_sgd draws the same noise in every run.

Weight decay is of arrays with two axes or more, as in this package, where optax's function takes a mask; novograd,
dadapt_adamw, madgrad, momo, momo_adam, prodigy and schedule_free_* take none, and decay all.
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
from jaxgen.optim.rate import advance, constant, decays, initial_state

Build = Callable[..., optax.GradientTransformation]
RATES = ("learning_rate", "max_learning_rate")
WRAPPED = ("optimizer", "base_optimizer", "fast_optimizer", "inner", "inner_factory", "transforms", "args")
PUBLISHED = {  # rates of papers and their authors' code, where optax's signature has none
    "adamax": 2e-3,  # Kingma & Ba 2015, algorithm 2
    "adamaxw": 2e-3,
    "fromage": 1e-2,  # Bernstein et al. 2020
    "madgrad": 1e-2,  # Defazio & Jelassi 2021, their code
    "muon": 2e-2,  # Jordan et al. 2024, their code
    "noisy_sgd": 1e-2,  # as sgd
    "yogi": 1e-2,  # Zaheer et al. 2018
}
OPTAX_NAMES = {  # name of a flag -> names of the argument in optax's functions
    "momentum": ("momentum", "beta"),
    "beta1": ("b1", "betas"),
    "beta2": ("b2", "betas", "decay", "rho"),
    "eps": ("eps",),
    "eps_inside_root": ("eps_in_sqrt",),
    "weight_decay": ("weight_decay",),
    "decay_all": ("mask", "weight_decay_mask"),
}


def rated(build: Build) -> Build:
    """The factory (rate, *, schedule=constant, **options) of the optimisers `build(learning_rate, **options)`.

    The state is a RateState whose slots are the state of that optimiser: a copy, since some optimisers keep a part of
    the parameters, which the loop donates; and always in the dtypes of `init`. `update` passes value, grad, value_fn.
    """

    def factory(rate, *, schedule=constant, **options):
        def init(params):
            state = initial_state(rate, ())
            first = rate(state.updates) if callable(rate) else state.rate
            slots = build(first, **options).init(params)
            return state._replace(slots=jax.tree.map(_copied, slots))

        def update(grads, state, params=None, **extra):
            eta, after = advance(state, rate, schedule)
            inner = optax.with_extra_args_support(build(eta, **options))
            delta, slots = inner.update(grads, state.slots, params, **extra)
            return _like(delta, grads), after._replace(slots=_like(slots, state.slots))

        return optax.GradientTransformationExtraArgs(init, update)

    return factory


def _copied(leaf: Any) -> jax.Array:
    """A copy without a weak type, which the next update would change to a strong one."""
    is_key = jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)
    return jnp.copy(leaf) if is_key else jnp.array(leaf, jnp.result_type(leaf))


def _like(tree: Any, model: Any) -> Any:
    """The tree in the model's dtypes, since a rate in float64 promotes what it multiplies."""
    kind = jnp.result_type
    return jax.tree.map(lambda new, old: new if kind(new) == kind(old) else new.astype(kind(old)), tree, model)


def factory(function: Build) -> Build:
    """The factory (rate, *, schedule=constant, **hyper-parameters by the names of flags) of optax's function."""
    parameters, own_names = inspect.signature(function).parameters, arguments(function)
    fixed = {"key": 0} if "key" in parameters else {}
    rate_name = next(name for name in RATES if name in parameters)

    def build(eta, **options):
        renamed = fixed | {own_names[name]: value for name, value in options.items() if own_names[name] != "betas"}
        if "decay_all" in own_names:
            renamed[own_names["decay_all"]] = functools.partial(_mask, options.get("decay_all", False))
        if "betas" in own_names.values():
            renamed["betas"] = tuple({**takes(function), **options}[name] for name in ("beta1", "beta2"))
        # A line search multiplies its steps by a rate, and would only have to undo that.
        rate = {} if "linesearch" in parameters else {rate_name: eta}
        optimizer = optax.with_extra_args_support(function(**rate, **renamed))
        if "hessian_diagonal_fn" not in parameters:
            return optimizer
        # sophia's name for `value_fn` is `obj_fn`; it is added for sophia only, as lbfgs refuses unknown arguments.
        update = lambda *args, **extra: optimizer.update(*args, **{"obj_fn": extra.get("value_fn"), **extra})
        return optax.GradientTransformationExtraArgs(optimizer.init, update)

    return rated(build)


def _mask(decay_all: bool, params: Any) -> Any:
    return jax.tree.map(lambda leaf: decays(leaf, decay_all), params)


def arguments(function: Build) -> Mapping[str, str]:
    """The hyper-parameters of optax's function: name of the flag -> name of the function's argument."""
    parameters = inspect.signature(function).parameters
    names = {flag: next((name for name in own if name in parameters), "") for flag, own in OPTAX_NAMES.items()}
    if "alpha" in parameters and names["momentum"] == "beta":
        names["momentum"] = ""  # of the optimistic optimisers, whose alpha and beta are no momentum
    return {flag: name for flag, name in names.items() if name}


def takes(function: Build) -> dict[str, Any]:
    """The hyper-parameters of optax's function: name of the flag -> default value."""
    parameters = inspect.signature(function).parameters
    defaults = {flag: parameters[name].default for flag, name in arguments(function).items()}
    defaults |= {"decay_all": False} if "decay_all" in defaults else {}  # which a mask stands for
    index = {"beta1": 0, "beta2": 1}  # in `betas`
    return {flag: value[index[flag]] if isinstance(value, tuple) else value for flag, value in defaults.items()}


def default_rate(function: Build) -> float:
    """The default learning rate of the signature; without one, 1.0 for a line search and 1e-3 otherwise."""
    parameters = inspect.signature(function).parameters
    default = next(parameters[name].default for name in RATES if name in parameters)
    return default if isinstance(default, float) else 1.0 if "linesearch" in parameters else 1e-3


def public(*modules: Any) -> Iterator[tuple[str, Build]]:
    """(name, function) of the public functions of these modules, by default of optax and then optax.contrib."""
    for module in modules or (optax, optax.contrib):
        for name, each in sorted(vars(module).items()):
            if not (name.startswith("_") or inspect.isclass(each) or isinstance(each, types.ModuleType)):
                yield name, each


def refusal(name: str, function: Build) -> str:
    """Why no run can be trained by this public function of optax, as half a sentence; "" where a run can."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return "is no optimiser"
    needed = [key for key, each in parameters.items() if each.default is each.empty and key not in RATES]
    if next(iter(parameters), "") in WRAPPED:
        return "wraps another optimiser, which no flag names"
    if name == "dpsgd":
        return "needs the gradient of each example, and a step has their mean"
    if name.startswith("scale_by_") or not any(rate in parameters for rate in RATES):
        return "takes no learning rate, so that it is a part of optimisers or none"
    if needed:
        return f"needs {', '.join(needed)}, which no flag gives"
    return _deprecation(function)


def _deprecation(function: Build) -> str:
    """optax's deprecation warning when the function is called, as half a sentence; "" where there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        jax.eval_shape(factory(function)(1.0).init, jax.ShapeDtypeStruct((), jnp.float32))
    messages = [str(each.message) for each in caught if issubclass(each.category, DeprecationWarning)]
    return f"will be dropped: {messages[0].rstrip('.')}" if messages else ""


@functools.cache
def usable_optimizers() -> Mapping[str, Build]:
    """The optimisers of optax and optax.contrib that a run can be trained by: bare name -> function."""
    return {name: each for name, each in public() if not refusal(name, each)}


def builder(name: str) -> Build:
    """The function of optax called optax.NAME (of optax or else optax.contrib) or optax.contrib.NAME.

    Raises:
        Refused: no run can be trained by it; the message has the reason.
        KeyError: there is no such function.
    """
    stem, _, bare = name.rpartition(".")
    modules = {"optax": (optax.contrib, optax), "optax.contrib": (optax.contrib,)}
    functions = dict(public(*modules[stem]))
    reason = refusal(bare, functions[bare])
    if reason:
        raise Refused(f"{name} cannot be used: it {reason}")
    return functions[bare]
