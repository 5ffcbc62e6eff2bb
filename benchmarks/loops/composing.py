"""The LSTM of 200 units over chords: 16 melodies a step, transposed, 88 independent keys, Adam; steps of time a second.

Quality: nats a step of time, averaged over the fifth call of 10 updates. PyTorch's is `nn.LSTM`, batch first, whose
forward and backward passes are one operation each on a CPU; its melodies are as long, and padded as ours.
"""

from typing import Any, NamedTuple

import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.music import EXPERIMENT, cut
from jaxgen.data.music import pieces, rolls


class Sizes(NamedTuple):
    """Of the network and its training."""

    units: int = 200
    batch: int = 16
    updates: int = 10  # of a call
    window: int = 128  # steps of time

    @property
    def amount(self) -> int:
        """Steps of time of a call, those that fill pieces up included."""
        return self.updates * self.batch * self.window

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {"units": self.units, "batch_size": self.batch, "window": self.window}
        return {**own, "notes": "chord", "dropout": 0.0, "transposed": 5, "learning_rate": 1e-3}


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, Adam fused."""
    torch = trainers.pytorch()
    columns = cut(pieces.load("tunes").train, sizes.window)
    roll, length = (trainers.tensor(torch, column) for column in columns.values())
    lstm, output = torch.nn.LSTM(rolls.KEYS, sizes.units, batch_first=True), torch.nn.Linear(sizes.units, rolls.KEYS)
    torch.nn.init.constant_(output.bias, -3.0)  # as ours begins
    optimizer = torch.optim.Adam([*lstm.parameters(), *output.parameters()], 1e-3, fused=True)
    steps, draw = torch.arange(roll.shape[1]), np.random.default_rng(0)

    def step():
        chosen = torch.as_tensor(draw.choice(len(roll), sizes.batch, replace=False), device=roll.device)
        moved = [torch.roll(roll[n], int(draw.integers(-5, 6)), dims=1) for n in chosen]  # no melody leaves the keys
        chords = torch.stack(moved).float()
        before = torch.nn.functional.pad(chords[:, :-1], (0, 0, 1, 0))
        logits = output(lstm(before)[0])
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, chords, reduction="none").sum(-1)
        inside = steps[None] < length[chosen][:, None]
        return trainers.descended(optimizer, (each * inside).sum() / inside.sum())

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="steps_per_second",
    cases={"": Sizes()},
    contenders=[*trainers.contenders(EXPERIMENT, "loss"), Contender("PyTorch", pytorch, ("torch",))],
    operations=trainers.operations(EXPERIMENT),
)
