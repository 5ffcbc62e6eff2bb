"""An optimiser by its name and settings: the flags that every technique's training shares."""

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

Factory = Callable[[float], optax.GradientTransformation]  # of the learning rate

ours = functools.partial(knob, group="optimiser")
gradient = functools.partial(knob, group="gradients and weights")
planned = functools.partial(knob, group="learning rate's schedule")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What can be said of an optimiser besides its name and rate. None: the optimiser's own default."""

    momentum: float | None = ours(None, "share of the last step that is kept (0.9)", lower=0.0, upper=1.0)
    beta1: float | None = ours(None, "of the gradients' moving average (adam: 0.9)", lower=0.0, upper=0.999999)
    beta2: float | None = ours(None, "of their squares' (adam: 0.999; rmsprop: 0.9)", lower=0.0, upper=0.999999)
    eps: float | None = ours(None, "what is added to the root that is divided by (adam: 1e-8)", above=0.0)
    eps_inside_root: bool | None = ours(None, "add it under the root instead: sqrt(s + eps)")
    weight_decay: float | None = gradient(
        None,
        "share of every parameter, times the learning rate, that is taken off it in each update (adamw: 0.004)",
        lower=0.0,
    )
    l1: float = gradient(
        0.0,
        "weight of the sum of |w|, over arrays of two axes or more, beside the loss; losses are told without it",
        lower=0.0,
    )
    l2: float = gradient(0.0, "weight of the sum of w^2, likewise", lower=0.0)
    clip_value: float = gradient(0.0, "largest absolute value of a gradient's components; 0: any", lower=0.0)
    clip_norm: float = gradient(0.0, "largest norm of the gradient of all parameters together; 0: any", lower=0.0)
    clip_adaptive: float = gradient(
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
    ] = planned(
        "constant",
        "of the learning rate; burda: times 10^(-i/7) for 3^i epochs, i = 0 to 7; performance: cut when validation "
        "does not improve, see --plateau",
    )
    decay_steps: int | None = planned(
        None,
        "s, in updates, of exponential, decay_rate^(t/s), power, (1 + t/s)^-decay_power, and inverse_time, "
        "1 / (1 + decay_rate t/s) (10 epochs)",
        lower=1,
        upper=2**31 - 1,
    )
    decay_rate: float | None = planned(None, "see --decay_steps (exponential: 0.1; inverse_time: 1)", above=0.0)
    decay_power: float | None = planned(None, "see --decay_steps (1)", above=0.0)
    boundaries: str | None = planned(None, "of piecewise: updates from which each of --factors holds, as in 500,1000")
    factors: str | None = planned(None, "what multiplies the rate from each boundary on (0.1,0.01,...)")
    rate_floor: float | None = planned(None, "share of the rate that cosine ends at (0)", lower=0.0, upper=1.0)
    warmup: float = planned(0.0, "share of the run, at its start, in which the rate rises from 0", lower=0.0, upper=1.0)
    cooldown: float = planned(
        0.0,
        "share of the run, at its end, in which it falls to 0; with cooldown, warmup, cosine or one_cycle --steps "
        "cannot be raised later",
        lower=0.0,
        upper=1.0,
    )


# Of an optimiser, and of a schedule: what is no business of another one.
HYPERPARAMETERS = ("momentum", "beta1", "beta2", "eps", "eps_inside_root")
SHAPE = ("decay_steps", "decay_rate", "decay_power", "boundaries", "factors", "rate_floor")


def chosen(name: str, settings: Settings = Settings(), epoch: int = 1, total: int = 1) -> Factory:
    """The factory of an optimiser by name; the bare one where the settings ask for nothing besides.

    Args:
        name: ours (adam) or optax's (optax.adam), see `registry.find`.
        settings: its hyper-parameters, and what stands around it: penalties, then clips, then the optimiser on what
            these leave of the gradient, then decay (see `gradients.wrapped`).
        epoch: updates in a pass over the data, which some schedules count.
        total: updates in all, which others need.

    Raises:
        Refused: an unknown optimiser or one that cannot be used; hyper-parameters that it, or parameters that the
            schedule has not; boundaries and factors that cannot be read.
    """
    entry = find(name)
    given, decay = hyperparameters(name, entry, settings)
    make = functools.partial(entry.factory, schedule=scheduled(settings, epoch, total), **given)
    clipped = clips(settings.clip_value, settings.clip_norm, settings.clip_adaptive)
    if not (settings.l1 or settings.l2 or clipped or decay):
        return make
    return lambda rate: wrapped(make(rate), settings.l1, settings.l2, clipped, decay)


def hyperparameters(name: str, entry: Entry, settings: Settings) -> tuple[dict[str, Any], float]:
    """What the optimiser itself is given, and the decay beside one that has none. Raises Refused for what it lacks."""
    given = _given(settings, (*HYPERPARAMETERS, "weight_decay"))
    decay = 0.0 if "weight_decay" in entry.takes else given.pop("weight_decay", 0.0)
    if alien := [flag for flag in given if flag not in entry.takes]:
        known = ", ".join(f"--{flag}" for flag in entry.takes) or "no hyper-parameters"
        raise Refused(f"--optimizer={name} has no --{alien[0]}; it has {known}")
    return given, decay


def scheduled(settings: Settings, epoch: int = 1, total: int = 1) -> Schedule:
    """The schedule with its warm-up and cooldown; `epoch` and `total` are in updates. Raises Refused, see `chosen`."""
    name, takes = settings.schedule, inspect.signature(SCHEDULES[settings.schedule]).parameters
    given = _given(settings, SHAPE)
    if alien := [flag for flag in given if flag not in takes]:
        those = [each for each, make in SCHEDULES.items() if alien[0] in inspect.signature(make).parameters]
        raise Refused(f"--{alien[0]} is for --schedule={' or '.join(those)}, not {name}")
    if "boundaries" in takes:
        given |= _pieces(settings)
    known = {"epoch": epoch, "total": total, "decay_steps": 10 * epoch, "warmup": settings.warmup, **given}
    schedule = SCHEDULES[name](**{each: known[each] for each in takes if each in known})
    return cooled(warmed(schedule, settings.warmup, total), settings.cooldown, total)


def _given(settings: Settings, names: tuple[str, ...]) -> dict[str, Any]:
    """name -> value of what is not left to a default."""
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def _pieces(settings: Settings) -> Mapping[str, list]:
    """Boundaries and factors as numbers. Raises Refused for what is no such list, or lists that do not fit."""
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
    """The finite numbers, none below 0, of a list with commas. Raises Refused for any other text."""
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 <= each < float("inf") for each in found):
        raise Refused(f"--{flag} is a list of {what}, not {text[:50]!r}")
    return found


def fixes_length(settings: Settings) -> bool:
    """Whether a run's end shapes the steps before it, so that it cannot be continued beyond."""
    takes = inspect.signature(SCHEDULES[settings.schedule]).parameters
    return bool(settings.warmup or settings.cooldown or "total" in takes)


def unscheduled(settings: Settings) -> Settings:
    """The same, the rate constant: for a State that is looked at, by who knows neither epoch nor total."""
    plain = values(Settings())
    return changed(settings, {name: plain[name] for name in ("schedule", *SHAPE, "warmup", "cooldown")})


def cutting(policy: Policy, settings: Settings) -> Policy:
    """The policy of a run: --schedule=performance cuts after 1 evaluation without a new best, if not --plateau."""
    performance = settings.schedule == "performance" and not policy.plateau
    return dataclasses.replace(policy, plateau=1) if performance else policy
