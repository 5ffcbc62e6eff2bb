"""A configuration is a frozen dataclass; a field made by `knob` is also a flag.

A field made by `nested` is a configuration whose knobs are flags of the outer one, by their own names or behind a
prefix. Any other field is a fact: the data decide it, or the code.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping
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
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with a help text and bounds: lower <= value <= upper, value > above.

    free: a run that is resumed may change it, because it does not shape the result.
    group: the heading it stands under in --help; the technique's own where empty.
    choices: those of a Literal's that a flag may have, where code alone sets the others.
    """
    bounds = {"lower": lower, "above": above, "upper": upper, "choices": choices}
    return dataclasses.field(default=default, metadata={"help": help, "free": free, "group": group, **bounds})


def nested(default: Any, prefix: str = "") -> Any:
    """A dataclass field that holds a configuration, whose knobs are flags by their names behind the prefix."""
    return dataclasses.field(default=default, metadata={"nested": True, "prefix": prefix})


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
    """The knobs of a configuration class in the order of its fields, those of nested ones in their field's place."""
    hints = typing.get_type_hints(config_class)
    listed = []
    for field in dataclasses.fields(config_class):
        if field.metadata.get("nested"):
            prefix, inner = field.metadata["prefix"], flat(field.default)
            listed += [
                each._replace(name=prefix + each.name, default=inner[each.name]) for each in knobs(type(field.default))
            ]
        elif "help" in field.metadata:
            kind, choices = _kind(hints[field.name], field)
            rest = (field.metadata[name] for name in ("help", "free", "group"))
            listed.append(Knob(field.name, kind, choices, field.default, *rest))
    return listed


def flat(config: Any) -> dict[str, Any]:
    """name -> value of every field, flags or not; a configuration in a field is replaced by its own fields."""
    values: dict[str, Any] = {}
    for field, value in _fields(config):
        if dataclasses.is_dataclass(value):
            prefix = field.metadata.get("prefix", "")
            values |= {prefix + name: inner for name, inner in flat(value).items()}
        else:
            values[field.name] = value
    return values


def values(config: Any) -> dict[str, Any]:
    """flag -> value of all knobs of a configuration, nested ones included."""
    every = flat(config)
    return {each.name: every[each.name] for each in knobs(type(config))}


def built(config_class: type[C], new_values: Mapping[str, Any]) -> C:
    """The reverse of `flat` and `values`: fields without a value here have their defaults.

    Names that no field has are ignored, so that one mapping can hold the flags of several classes.
    """
    return changed(config_class(), new_values)


def changed(config: Any, new_values: Mapping[str, Any]) -> Any:
    """The configuration with new values for its fields by name, those of configurations in its fields included."""
    fields: dict[str, Any] = {}
    for field, old in _fields(config):
        if field.name in new_values:
            fields[field.name] = new_values[field.name]
        elif dataclasses.is_dataclass(old):
            prefix = field.metadata.get("prefix", "")
            inner = {name.removeprefix(prefix): value for name, value in new_values.items() if name.startswith(prefix)}
            fields[field.name] = changed(old, inner)
    return dataclasses.replace(config, **fields)


def fitted(config: Any, facts: Mapping[str, Any]) -> Any:
    """The configuration with those of the facts (the data's shape, labels, vocabulary, ...) that it has fields for."""
    names = {field.name for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{name: value for name, value in facts.items() if name in names})


def _fields(config: Any) -> Iterator[tuple[dataclasses.Field, Any]]:
    return ((field, getattr(config, field.name)) for field in dataclasses.fields(config))


def _kind(hint: Any, field: dataclasses.Field) -> tuple[type, tuple[str, ...]]:
    if isinstance(hint, types.UnionType):  # `int | None`: a number that may be left out
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        return str, field.metadata["choices"] or typing.get_args(hint)
    return hint, ()


def check(config: Any, prefix: str = "") -> None:
    """Raises Refused, naming the flag, where a value is outside its bounds or not among its choices."""
    hints = typing.get_type_hints(type(config))
    for field, value in _fields(config):
        if field.metadata.get("nested"):
            check(value, prefix + field.metadata["prefix"])
        elif "help" in field.metadata and value is not None:
            _check_one(f"--{prefix}{field.name}", field, value, _kind(hints[field.name], field)[1])


def _check_one(flag: str, field: dataclasses.Field, value: Any, choices: tuple[str, ...]) -> None:
    if choices and value not in choices:
        raise Refused(f"{flag} must be one of {', '.join(choices)}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(f"{flag} must be a finite number, not {value}")
    rules = (
        ("lower", "at least", lambda v, bound: v >= bound),
        ("above", "above", lambda v, bound: v > bound),
        ("upper", "at most", lambda v, bound: v <= bound),
    )
    for rule, words, holds in rules:
        bound = field.metadata[rule]
        if bound is not None and not holds(value, bound):
            raise Refused(f"{flag} must be {words} {bound}, not {value}")
