"""Configurations in configurations: flags of one class, values of another."""

import dataclasses
from typing import Literal

import pytest

from jaxgen.core.config import built, changed, check, fitted, flat, knob, knobs, nested, values
from jaxgen.core.types import Refused


@dataclasses.dataclass(frozen=True)
class Deepest:
    depth: int = knob(3, "of it", lower=1)


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: float | None = knob(None, "of decay", above=0.0, group="inner")
    kind: Literal["plain", "fancy"] = knob("plain", "of the two", group="inner")
    deepest: Deepest = nested(Deepest())
    name: str = "no flag"


@dataclasses.dataclass(frozen=True)
class Outer:
    shape: tuple[int, ...] = (1, 2)
    seed: int = knob(0, "of draws", free=True)
    inner: Inner = nested(Inner(kind="fancy"))
    last: bool = knob(False, "at the end")


GIVEN = {"rate": 0.5, "depth": 4, "last": True, "of another class": 1, "shape": (5,), "name": "n"}


def test_knobs_of_what_is_nested_stand_where_it_stands():
    found = {each.name: each for each in knobs(Outer)}
    assert list(found) == ["seed", "rate", "kind", "depth", "last"]
    assert found["kind"].default == "fancy", "the outer class says what the inner one is by default"
    assert [each.group for each in found.values()] == ["", "inner", "inner", "", ""]
    assert [each.kind for each in found.values()] == [int, float, str, int, bool]
    assert found["seed"].free
    assert not found["rate"].free


def test_values_there_and_back():
    made = built(Outer, GIVEN)
    assert made == Outer((5,), 0, Inner(0.5, "fancy", Deepest(4), "n"), True)
    assert values(made) == {"seed": 0, "rate": 0.5, "kind": "fancy", "depth": 4, "last": True}
    assert flat(made) == values(made) | {"shape": (5,), "name": "n"}
    for config in (made, Outer()):
        assert built(Outer, flat(config)) == config
    assert changed(made, {"kind": "plain"}) == dataclasses.replace(made, inner=Inner(0.5, "plain", Deepest(4), "n"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"depth": 0}, "--depth must be at least 1, not 0"),
        ({"rate": 0.0}, "--rate must be above 0.0, not 0.0"),
        ({"rate": float("nan")}, "--rate must be a finite number, not nan"),
        ({"kind": "odd"}, "--kind must be one of plain, fancy, not 'odd'"),
    ],
)
def test_what_is_nested_is_checked(wrong, said):
    check(Outer())
    with pytest.raises(Refused, match=said):
        check(built(Outer, wrong))


@dataclasses.dataclass(frozen=True)
class Players:
    fact: Deepest = Deepest()
    first: Deepest = nested(Deepest())
    critic: Inner = nested(Inner(), "critic_")


def test_a_prefix_tells_two_of_a_kind_apart():
    assert [each.name for each in knobs(Players)] == ["depth", "critic_rate", "critic_kind", "critic_depth"]
    players = built(Players, {"critic_depth": 5, "critic_kind": "fancy"})
    assert (players.first, players.critic) == (Deepest(), Inner(kind="fancy", deepest=Deepest(5)))
    assert built(Players, flat(players)) == players
    with pytest.raises(Refused, match="--critic_depth must be at least 1, not 0"):
        check(built(Players, {"critic_depth": 0}))


def test_facts_are_fields_and_no_flags():
    assert fitted(Players(), {"fact": Deepest(9), "of the data alone": 1}).fact == Deepest(9)
    assert built(Players, {"depth": 7}).fact.depth == 7, "a saved configuration is read back, facts included"
