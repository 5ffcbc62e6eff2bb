"""The optimiser of each player, and its learning rate: of the only one, mostly; of two in a game."""

from collections.abc import Callable
from typing import Any

from jaxgen.core.accumulation import collecting
from jaxgen.core.config import changed, values
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.optim.settings import Factory, Settings, chosen
from jaxgen.run.parsing import Parsed


def factories(
    flags: Any, players: Any, epoch: int = 1, total: int = 1, change: Callable[[Settings], Settings] = lambda s: s
) -> list[Factory]:
    """The optimiser of each player as a factory of its learning rate, the first player's first.

    Args:
        flags: the run's, of which `optimizer` and `settings` are the first player's.
        players: an instance of `run.flags.players_class`, completed by `run.precedence.complete`.
        epoch: updates in a pass over the data, which some schedules count.
        total: updates in all, which others need.
        change: applied to the settings of each player before they are used.

    Raises:
        Refused: an unknown optimiser, or settings that it does not have; a further player is named.
    """
    made = [chosen(flags.optimizer, change(flags.settings), epoch, total)]
    for name, player in vars(players).items():
        try:
            made.append(chosen(player.optimizer or flags.optimizer, change(player.settings), epoch, total))
        except Refused as refusal:
            raise Refused(f"of the {name}: {refusal}") from None
    return [gathering(make, flags.accumulate) for make in made] if flags.accumulate > 1 else made


def gathering(make: Factory, parts: int) -> Factory:
    """The factory of optimisers that collect the gradients of so many micro-batches."""
    return lambda rate: collecting(make(rate), parts)


def with_own_rates(parsed: Parsed) -> tuple[Parsed, list[str]]:
    """The configurations with the published rate of each optimiser that was chosen without one, and a line for each.

    Raises Refused for an unknown optimiser.
    """
    known = values(parsed.config)
    rates = {flag: find(name).rate for flag, name in parsed.unrated.items() if flag in known}
    lines = [
        f"--{flag}={rate:g}, the default of {parsed.unrated[flag]}, as none was given" for flag, rate in rates.items()
    ]
    return parsed._replace(config=changed(parsed.config, rates)), lines
