"""A sequence autoencoder, two LSTMs of 256 units, a code of 256: 128 lines of 20 characters a step; lines a second.

Quality: nats a character, averaged over the fifth call of 10 updates. PyTorch's two `nn.LSTM`s, time first, have
forward and backward passes that are one operation each on a CPU; the writer's input is a one-hot character beside the
code, of a table that is not learnt.
"""

from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.sequences import EXPERIMENT
from jaxgen.data.text import texts


class Sizes(NamedTuple):
    """Of the network and its training."""

    units: int = 256
    code: int = 256
    longest: int = 20
    batch: int = 128
    updates: int = 10  # of a call

    @property
    def amount(self) -> int:
        """Lines of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {"units": self.units, "code": self.code, "longest": self.longest, "batch_size": self.batch}
        return {**own, "learning_rate": 1e-3}


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, Adam fused."""
    torch, text = trainers.pytorch(), texts.load("pydocs")
    tokens, count = trainers.tensor(torch, text.train.tokens), len(text.vocabulary) + 1
    one_hot = torch.nn.Embedding.from_pretrained(torch.eye(count))
    reader, writer = torch.nn.LSTM(count, sizes.units), torch.nn.LSTM(count + sizes.code, sizes.units)
    squeeze, begin = torch.nn.Linear(2 * sizes.units, sizes.code), torch.nn.Linear(sizes.code, 2 * sizes.units)
    output = torch.nn.Linear(sizes.units, count)
    params = [weight for each in (reader, writer, squeeze, begin, output) for weight in each.parameters()]
    optimizer, steps = torch.optim.Adam(params, 1e-3, fused=True), torch.arange(sizes.longest)[:, None]
    end = torch.full((1, sizes.batch), count - 1)

    def step():
        x = tokens[steps + torch.randint(0, len(tokens) - sizes.longest, (sizes.batch,))].long()
        _, memory = reader(one_hot(x))
        code = squeeze(torch.cat([part[0] for part in memory], 1))
        h, c = begin(code).chunk(2, 1)
        target = torch.cat([x.flip(0), end])
        before = one_hot(torch.cat([end, target[:-1]]))
        inputs = torch.cat([before, code[None].expand(len(before), -1, -1)], 2)
        features, _ = writer(inputs, (torch.tanh(h)[None].contiguous(), c[None].contiguous()))
        loss = torch.nn.functional.cross_entropy(output(features).flatten(0, 1), target.flatten())
        return trainers.descended(optimizer, loss)

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="lines_per_second",
    cases={"": Sizes()},
    contenders=[*trainers.contenders(EXPERIMENT, "loss"), Contender("PyTorch", pytorch, ("torch",))],
    operations=trainers.operations(EXPERIMENT),
)
