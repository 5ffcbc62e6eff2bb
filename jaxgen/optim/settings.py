"""Optimisers by name and settings: the flags of training that all techniques share."""

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import optax

from jaxgen.core.config import changed, knob, values
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.gradients import clips, wrapped
from jaxgen.optim.rate import Schedule
from jaxgen.optim.registry import Entry, find
from jaxgen.optim.schedules import SCHEDULES, cooled, warmed

Factory = Callable[[float], optax.GradientTransformation]  # takes the learning rate

_own = functools.partial(knob, group="optimiser")
_gradient = functools.partial(knob, group="gradients and weights")
_schedule = functools.partial(knob, group="learning rate's schedule")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of an optimiser besides its name and rate. None: the optimiser's own default."""

    momentum: float | None = _own(None, "share of the last step that is kept (0.9)", lower=0.0, upper=1.0)
    early_updates: int | None = _own(None, "at the start, in which momentum is 1/2 (0)", lower=0, upper=2**31 - 1)
    beta1: float | None = _own(None, "of the gradients' moving average (adam: 0.9)", lower=0.0, upper=0.999999)
    beta2: float | None = _own(None, "of their squares' (adam: 0.999; rmsprop: 0.9)", lower=0.0, upper=0.999999)
    eps: float | None = _own(None, "what is added to the root that is divided by (adam: 1e-8)", above=0.0)
    eps_inside_root: bool | None = _own(None, "add it under the root instead: sqrt(s + eps)")
    weight_decay: float | None = _gradient(
        None,
        "share of arrays with two axes or more, times the learning rate, that each update subtracts (adamw: 0.004)",
        lower=0.0,
    )
    l1: float = _gradient(
        0.0,
        "weight of the sum of |w|, over arrays of two axes or more, added to the loss; metrics leave it out",
        lower=0.0,
    )
    l2: float = _gradient(0.0, "weight of the sum of w^2, likewise", lower=0.0)
    decay_all: bool = _gradient(False, "weight_decay, l1 and l2 of all arrays: of biases and scales too")
    clip_value: float = _gradient(0.0, "largest absolute value of a gradient's components; 0: any", lower=0.0)
    clip_norm: float = _gradient(0.0, "largest norm of the gradient of all parameters together; 0: any", lower=0.0)
    clip_adaptive: float = _gradient(
        0.0, "largest norm of a unit's gradient, as a share of its weights' norm; 0: any", lower=0.0
    )
    schedule: Literal[
        "constant",
        "burda",
        "piecewise",
        "exponential",
        "power",
        "inverse_time",
        "cosine",
        "one_cycle",
        "performance",
    ] = _schedule(
        "constant",
        "of the learning rate; burda: times 10^(-i/7) for 3^i epochs, i = 0 to 7; performance: cut when validation "
        "does not improve, see --plateau",
    )
    decay_steps: int | None = _schedule(
        None,
        "s, in updates, of exponential, decay_rate^(t/s), power, (1 + t/s)^-decay_power, and inverse_time, "
        "1 / (1 + decay_rate t/s) (10 epochs)",
        lower=1,
        upper=2**31 - 1,
    )
    decay_rate: float | None = _schedule(None, "see --decay_steps (exponential: 0.1; inverse_time: 1)", above=0.0)
    decay_power: float | None = _schedule(None, "see --decay_steps (1)", above=0.0)
    boundaries: str | None = _schedule(None, "of piecewise: updates from which each of --factors holds, as in 500,1000")
    factors: str | None = _schedule(None, "what multiplies the rate from each boundary on (0.1,0.01,...)")
    rate_floor: float | None = _schedule(None, "share of the rate that cosine ends at (0)", lower=0.0, upper=1.0)
    warmup: float = _schedule(
        0.0, "share of the run, at its start, in which the rate rises from 0", lower=0.0, upper=1.0
    )
    cooldown: float = _schedule(
        0.0,
        "share of the run, at its end, in which it falls to 0; with cooldown, warmup, cosine or one_cycle --steps "
        "cannot be raised later",
        lower=0.0,
        upper=1.0,
    )


# Settings that some optimisers, or some schedules, do not have.
HYPERPARAMETERS = ("momentum", "early_updates", "beta1", "beta2", "eps", "eps_inside_root")
SHAPE = ("decay_steps", "decay_rate", "decay_power", "boundaries", "factors", "rate_floor")


def chosen(name: str, settings: Settings = Settings(), epoch: int = 1, total: int = 1) -> Factory:
    """The factory of an optimiser by name, `wrapped` only where the settings have penalties, clips or decay.

    Args:
        name: of this package (adam) or of optax (optax.adam), see `registry.find`.
        settings: its hyper-parameters, and the penalties, clips and decay around it (see `gradients.wrapped`).
        epoch: updates in a pass over the data, which some schedules count.
        total: updates of the whole run, which others need.

    Raises:
        Refused: the optimiser is unknown or cannot be used; it has not one of the hyper-parameters, or the schedule not
            one of its parameters; boundaries or factors are no lists of numbers.
    """
    entry = find(name)
    options, decay = hyperparameters(name, entry, settings)
    make = functools.partial(entry.factory, schedule=scheduled(settings, epoch, total), **options)
    bounds = clips(settings.clip_value, settings.clip_norm, settings.clip_adaptive)
    if not (settings.l1 or settings.l2 or bounds or decay):
        return make
    return lambda rate: wrapped(make(rate), settings.l1, settings.l2, bounds, decay, settings.decay_all)


def hyperparameters(name: str, entry: Entry, settings: Settings) -> tuple[dict[str, Any], float]:
    """(Options of the optimiser's factory, weight decay beside an optimiser that has none of its own).

    Raises Refused where the settings have a hyper-parameter that the optimiser lacks.
    """
    options = _set_values(settings, (*HYPERPARAMETERS, "weight_decay"))
    decay = 0.0 if "weight_decay" in entry.takes else options.pop("weight_decay", 0.0)
    options |= {"decay_all": True} if settings.decay_all and "decay_all" in entry.takes else {}
    if unknown := [flag for flag in options if flag not in entry.takes]:
        flags = ", ".join(f"--{flag}" for flag in entry.takes) or "no hyper-parameters"
        raise Refused(f"--optimizer={name} has no --{unknown[0]}; it has {flags}")
    return options, decay


def scheduled(settings: Settings, epoch: int = 1, total: int = 1) -> Schedule:
    """The schedule with its warm-up and cooldown; `epoch` and `total` are in updates. Raises Refused, see `chosen`."""
    name, takes = settings.schedule, inspect.signature(SCHEDULES[settings.schedule]).parameters
    options = _set_values(settings, SHAPE)
    if unknown := [flag for flag in options if flag not in takes]:
        names = [each for each, make in SCHEDULES.items() if unknown[0] in inspect.signature(make).parameters]
        raise Refused(f"--{unknown[0]} is for --schedule={' or '.join(names)}, not {name}")
    if "boundaries" in takes:
        options |= _pieces(settings)
    arguments = {"epoch": epoch, "total": total, "decay_steps": 10 * epoch, "warmup": settings.warmup, **options}
    schedule = SCHEDULES[name](**{each: arguments[each] for each in takes if each in arguments})
    return cooled(warmed(schedule, settings.warmup, total), settings.cooldown, total)


def _set_values(settings: Settings, names: tuple[str, ...]) -> dict[str, Any]:
    """name -> value of those settings that are not None."""
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def _pieces(settings: Settings) -> Mapping[str, list]:
    """Boundaries and factors as numbers. Raises Refused where one is no such list, or they do not fit."""
    boundaries = _numbers("boundaries", settings.boundaries or "", int, "updates, rising, such as 500,1000")
    if any(a >= b for a, b in itertools.pairwise([0, *boundaries])) or max(boundaries) >= 2**31:
        raise Refused(f"--boundaries={settings.boundaries} must rise from one to the next, between 0 and 2^31")
    if settings.factors is None:
        return {"boundaries": boundaries}
    factors = _numbers("factors", settings.factors, float, "factors of the learning rate such as 0.1,0.01")
    if len(factors) != len(boundaries):
        raise Refused(
            f"--factors={settings.factors} are {len(factors)} for the {len(boundaries)} of "
            f"--boundaries={settings.boundaries}; there must be one for each"
        )
    return {"boundaries": boundaries, "factors": factors}


def _numbers(flag: str, text: str, kind: Callable[[str], Any], what: str) -> list:
    """The finite, non-negative numbers in a list with commas. Raises Refused for any other text."""
    try:
        numbers = [kind(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 <= number < float("inf") for number in numbers):
        raise Refused(f"--{flag} is a list of {what}, not {text[:50]!r}")
    return numbers


def fixes_length(settings: Settings) -> bool:
    """Whether the schedule depends on the run's length, so that the run cannot be continued beyond it."""
    takes = inspect.signature(SCHEDULES[settings.schedule]).parameters
    return bool(settings.warmup or settings.cooldown or "total" in takes)


def unscheduled(settings: Settings) -> Settings:
    """The settings with a constant rate, for loading a State where epoch and total are unknown."""
    defaults = values(Settings())
    return changed(settings, {name: defaults[name] for name in ("schedule", *SHAPE, "warmup", "cooldown")})


def cutting(policy: Policy, settings: Settings) -> Policy:
    """The policy of a run: --schedule=performance cuts after --plateau evaluations without a new best, by default 1."""
    performance = settings.schedule == "performance" and not policy.plateau
    return dataclasses.replace(policy, plateau=1) if performance else policy
