"""The optimiser of each player: of the only one, mostly; of two in a game."""

from collections.abc import Callable
from typing import Any

from jaxgen.core.config import built
from jaxgen.optim.settings import HYPERPARAMETERS, Factory, Settings, chosen
from jaxgen.run.flags import Player


def factories(
    flags: Any, players: Any, epoch: int = 1, total: int = 1, change: Callable[[Settings], Settings] = lambda s: s
) -> list[Factory]:
    """The optimiser of each player as a factory of its learning rate, the first player's first.

    Args:
        flags: the run's, of which `optimizer` and `settings` are the first player's.
        players: an instance of `run.flags.players_class`.
        epoch: updates in a pass over the data, which some schedules count.
        total: updates in all, which others need.
        change: applied to the settings of each player before they are used.

    Raises:
        Refused: an unknown optimiser, or settings that it does not have.
    """
    both = [(flags.optimizer, flags.settings), *(settings_of(flags, player) for player in vars(players).values())]
    return [chosen(name, change(settings), epoch, total) for name, settings in both]


def settings_of(flags: Any, player: Player) -> tuple[str, Settings]:
    """The name and settings of a further player's optimiser: what its flags leave open is as the first player's.

    Hyper-parameters of the first player's optimiser are not passed on to another one.
    """
    name, default = player.optimizer or flags.optimizer, Settings()
    first = dict(vars(flags.settings))
    if name != flags.optimizer:
        first |= {key: getattr(default, key) for key in HYPERPARAMETERS}
    own = {key: value for key, value in vars(player.settings).items() if value != getattr(default, key)}
    return name, built(Settings, {**first, **own})
