"""Objectives as a user writes them: activations of a network with weights.

mixed4:2,mixed5:1.5         mean squares of whole layers, weighted
mixed4/13                   the mean of a channel
predictions/207:1           the logit of a class, where the layer has no positions
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxgen.core.types import Refused
from jaxgen.ops import objectives


class Term(NamedTuple):
    """Part of an objective."""

    layer: str
    channel: int | None  # None: the whole layer
    weight: float


PATTERN = re.compile(r"(?P<layer>[\w.]+)(/(?P<channel>\d{1,6}))?(:(?P<weight>-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?))?")


def terms(text: str, flag: str) -> tuple[Term, ...]:
    """The parts of "mixed4:2,mixed5/13". Raises Refused for other texts, which it calls --`flag`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    matches = [PATTERN.fullmatch(part) for part in parts]
    if not parts or not all(matches):
        wrong = next((part for part, match in zip(parts, matches) if not match), text)
        raise Refused(
            f"--{flag} is a list of layers, each with a channel and a weight if need be, such as "
            f"mixed4:2,mixed5/13:0.5; not {wrong[:60]!r}"
        )
    return tuple(
        Term(match["layer"], int(match["channel"]) if match["channel"] else None, float(match["weight"] or 1.0))
        for match in matches
        if match
    )


def names(terms: Sequence[Term]) -> tuple[str, ...]:
    """The layers that are needed, each once."""
    return tuple(dict.fromkeys(term.layer for term in terms))


def objective(terms: Sequence[Term]) -> objectives.Objective:
    """The weighted sum: activations, name -> [B, h, w, F] or [B, F], to []."""
    one = lambda t: objectives.layer(t.layer) if t.channel is None else objectives.channel(t.layer, t.channel)
    return objectives.total([(term.weight, one(term)) for term in terms])


def layer_weights(text: str, flag: str) -> tuple[tuple[str, float], ...]:
    """The layers of "layer1:0.5,layer2", each with its weight. Raises Refused for a channel, and see `terms`."""
    parts = terms(text, flag)
    if single := [part for part in parts if part.channel is not None]:
        raise Refused(f"--{flag} compares whole layers, not channel {single[0].channel} of {single[0].layer}")
    return tuple((part.layer, part.weight) for part in parts)
