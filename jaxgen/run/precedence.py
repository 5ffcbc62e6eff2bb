"""Which value a flag has where several layers name one: defaults, preset, command line; and further players."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxgen.core.config import knobs, values
from jaxgen.optim.settings import HYPERPARAMETERS, SHAPE, Settings
from jaxgen.run.flags import RunFlags

SHAPED = {"optimizer": HYPERPARAMETERS, "schedule": SHAPE}  # what names something -> the flags that shape it


def merge(layers: Iterable[Mapping[str, Any]], players: Sequence[str] = ()) -> dict[str, Any]:
    """The values of all layers, a later one beating those before it."""
    merged: dict[str, Any] = {}
    for layer in layers:
        # Each of the two flags of a run's length replaces the other one of a weaker layer.
        merged |= {"epochs": None} if "steps" in layer else {"steps": None} if "epochs" in layer else {}
        after = {**merged, **layer}
        for prefix in ("", *(f"{name}_" for name in players)):
            # Hyper-parameters of a weaker layer were meant for its optimiser, and likewise those of a schedule. The
            # same one named again changes nothing.
            for flag, shaped in SHAPED.items():
                if name_of(flag, prefix, merged) != name_of(flag, prefix, after):
                    after |= {prefix + name: layer.get(prefix + name) for name in shaped}
        merged = after
    return merged


def name_of(flag: str, prefix: str, merged: Mapping[str, Any]) -> str:
    """The optimiser or schedule of the player with this prefix: its own, else the first player's, else the default."""
    return merged.get(prefix + flag) or merged.get(flag) or values(RunFlags())[flag]


def without_rate(
    weaker: Mapping[str, Any], merged: Mapping[str, Any], typed: Mapping[str, Any], players: Sequence[str]
) -> dict[str, str]:
    """Learning rates that were meant for another optimiser: their flag -> the optimiser that the command line names.

    `weaker` are the values without the command line's, `typed`. An optimiser that they have already keeps its rate.
    """
    changed = {}
    for prefix in ("", *(f"{name}_" for name in players)):
        flag, optimizer = f"{prefix}learning_rate", name_of("optimizer", prefix, merged)
        if optimizer != name_of("optimizer", prefix, weaker) and flag not in typed:
            changed[flag] = optimizer
    return changed


def complete(merged: Mapping[str, Any], players: Sequence[str]) -> dict[str, Any]:
    """The values, with what the flags of further players leave open taken from the first player's.

    Hyper-parameters of the first player's optimiser are not passed on to another one, and likewise with its schedule.
    """
    full = dict(merged)
    for prefix in (f"{name}_" for name in players):
        skipped: set[str] = set()
        for flag, shaped in SHAPED.items():
            full[prefix + flag] = name_of(flag, prefix, merged)
            skipped |= set(shaped) if full[prefix + flag] != name_of(flag, "", merged) else set()
        for name in {each.name for each in knobs(Settings)} & merged.keys() - skipped:
            if full.get(prefix + name) is None:
                full[prefix + name] = merged[name]
    return full
