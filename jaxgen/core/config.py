"""A configuration is a frozen dataclass; a field made by `knob` is also a flag.

A field whose default is itself such a dataclass is *nested*: its knobs are flags of the outer one, by their own names.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from jaxgen.core.types import Refused

C = TypeVar("C")  # a configuration


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
    """The knobs of a configuration class in the order of its fields, those of nested ones where they stand."""
    hints = typing.get_type_hints(config_class)
    found = []
    for field in dataclasses.fields(config_class):
        if dataclasses.is_dataclass(field.default):
            inner = flat(field.default)
            found += [each._replace(default=inner[each.name]) for each in knobs(type(field.default))]
        elif "help" in field.metadata:
            kind, choices = _kind(hints[field.name])
            rest = (field.metadata[name] for name in ("help", "free", "group"))
            found.append(Knob(field.name, kind, choices, field.default, *rest))
    return found


def flat(config: Any) -> dict[str, Any]:
    """name -> value of every field, flags or not, with those of a nested configuration in its place."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found |= flat(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def values(config: Any) -> dict[str, Any]:
    """flag -> value of all knobs of a configuration, nested ones included."""
    found = flat(config)
    return {each.name: found[each.name] for each in knobs(type(config))}


def built(config_class: type[C], given: Mapping[str, Any]) -> C:
    """The reverse of `flat` and `values`: fields that are not given have their defaults.

    What is given for no field is passed over, so that one mapping can hold the flags of several classes.
    """
    return changed(config_class(), given)


def changed(config: Any, given: Mapping[str, Any]) -> Any:
    """The configuration with what is given for its fields, those of nested ones included, by name."""
    new: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        old = getattr(config, field.name)
        if dataclasses.is_dataclass(old):
            new[field.name] = changed(old, given)
        elif field.name in given:
            new[field.name] = given[field.name]
    return dataclasses.replace(config, **new)


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
        if dataclasses.is_dataclass(value):
            check(value)
        elif "help" in field.metadata and value is not None:
            _check_one(field, value, by_name[field.name].choices)


def _check_one(field: dataclasses.Field, value: Any, choices: tuple[str, ...]) -> None:
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
