"""A configuration is a frozen dataclass; a field made by `knob` is also a flag."""

import dataclasses
import math
import types
import typing
from typing import Any

from jaxgen.core.types import Refused


def knob(
    default: Any,
    help: str,
    *,
    lower: float | None = None,
    above: float | None = None,
    upper: float | None = None,
    free: bool = False,
    group: str = "",
) -> Any:
    """A dataclass field with a help text and bounds: lower <= value <= upper, value > above.

    free: a run that is resumed may change it, because it does not shape the result.
    group: the heading it stands under in --help; the technique's own where empty.
    """
    bounds = {"lower": lower, "above": above, "upper": upper}
    return dataclasses.field(default=default, metadata={"help": help, "free": free, "group": group, **bounds})


class Knob(typing.NamedTuple):
    """What a flag is made from."""

    name: str
    kind: type  # bool, int, float or str
    choices: tuple[str, ...]  # of a Literal; empty where any value of the kind may stand
    default: Any
    help: str
    free: bool
    group: str


def knobs(config_class: type) -> list[Knob]:
    """The knobs of a configuration class, in the order of its fields."""
    hints = typing.get_type_hints(config_class)
    found = []
    for field in dataclasses.fields(config_class):
        if "help" in field.metadata:
            kind, choices = _kind(hints[field.name])
            rest = (field.metadata[name] for name in ("help", "free", "group"))
            found.append(Knob(field.name, kind, choices, field.default, *rest))
    return found


def _kind(hint: Any) -> tuple[type, tuple[str, ...]]:
    if isinstance(hint, types.UnionType):  # `int | None`: a number that may be left out
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        return str, typing.get_args(hint)
    return hint, ()


def check(config: Any) -> None:
    """Raises Refused, naming the flag, where a value is outside its bounds or not among its choices."""
    by_name = {knob.name: knob for knob in knobs(type(config))}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in by_name or value is None:
            continue
        choices = by_name[field.name].choices
        if choices and value not in choices:
            raise Refused(f"--{field.name} must be one of {', '.join(choices)}, not {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"--{field.name} must be a finite number, not {value}")
        rules = (
            ("lower", "at least", lambda v, bound: v >= bound),
            ("above", "above", lambda v, bound: v > bound),
            ("upper", "at most", lambda v, bound: v <= bound),
        )
        for rule, words, holds in rules:
            bound = field.metadata[rule]
            if bound is not None and not holds(value, bound):
                raise Refused(f"--{field.name} must be {words} {bound}, not {value}")
