"""64 runs of a grid (8 learning rates, 8 seeds; digits, 64-128-10, Adam, batch 32, 20 epochs) against PyTorch's loop.

Runs a second, warm. Ours as a study trains them, validated before and after, which is in the time; the loop never is.
Quality: the validation accuracy of runs at the rate 1e-3: ours the mean of eight seeds, PyTorch's of its first run.

Ours was 20.5 times as fast on two cores of an AMD EPYC (2026-11-21), 19.4 on an Intel Xeon with AVX-512 (2026-11-28),
19.9 on an EPYC without it (2026-11-30), 18.1 on one with it (2026-12-01), where PyTorch's loop ran 2.0 times as fast as
the day before and ours 1.8 times. In a trace of 880 updates of 64 runs there, on one device, five products, batched
over the runs, take half of the time, the longest of them at 82 of 208 GFLOP/s; Adam's passes take some two tenths.
"""

import statistics
from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.classify import EXPERIMENT
from jaxgen.data.images import sets
from jaxgen.study import grid, side_by_side, training
from jaxgen.study.problems import Trial, split_arrays
from jaxgen.study.tasks import make_task


class Sizes(NamedTuple):
    """Of the grid and of a run."""

    rates: int = 8
    seeds: int = 8
    epochs: int = 20
    batch: int = 32
    hidden: int = 128


def in_study(mode: str):
    """A contender's `prepare`: all runs from their first parameters on, lifted as `mode` says."""

    def prepare(sizes: Sizes) -> Work:
        argv = [f"--epochs={sizes.epochs}", f"--batch_size={sizes.batch}", f"--hidden={sizes.hidden}"]
        problem = make_task("classify:digits", {"classify": EXPERIMENT}, argv, 1, ["adam"]).problem
        programs, rows = training.compiled_programs(problem, "adam", mode), list[dict[str, Any]]()
        arrays = side_by_side.replicated(split_arrays(problem))
        rates = grid.parse_rates(f"1e-3:1e0:{sizes.rates}")
        trials = [Trial(rate, seed) for rate in rates for seed in range(sizes.seeds)]

        def call():
            rows[:] = training.train_runs(problem, programs, trials, arrays, final=False)

        def quality():
            return statistics.mean(row["valid"][-1] for row in rows if row["learning_rate"] == rates[0])

        return Work(call, len(trials), quality)

    return prepare


def pytorch(sizes: Sizes) -> Work:
    """Runs one after the other, as its users write it: eager, float32, Adam fused.

    An epoch a call, so that blocks of seconds hold whole ones. One thread: for layers this small a second only costs.
    """
    torch, images = trainers.pytorch(threads=1), sets.load("digits")
    x, y = trainers.tensor(torch, images.train.image), trainers.tensor(torch, images.train.label).long()
    nn, epochs = torch.nn, 0
    model: Any = None
    optimizer: Any = None

    def call():
        nonlocal epochs, model, optimizer
        if epochs % sizes.epochs == 0:
            model = nn.Sequential(nn.Linear(64, sizes.hidden), nn.ReLU(), nn.Linear(sizes.hidden, 10))
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        epochs += 1
        order = torch.randperm(len(x))
        for n in range(len(x) // sizes.batch):
            chosen = order[n * sizes.batch : (n + 1) * sizes.batch]
            loss = nn.functional.cross_entropy(model(x[chosen].float() / 255), y[chosen])
            trainers.descended(optimizer, loss)

    def quality():
        predicted = model(trainers.tensor(torch, images.valid.image).float() / 255).argmax(-1)
        return float((predicted.cpu().numpy() == images.valid.label).mean())

    return Work(call, 1 / sizes.epochs, quality, calls=sizes.epochs)


LOOP = Loop(
    about=__doc__ or "",
    unit="runs_per_second",
    cases={"": Sizes()},
    contenders=[
        Contender("vmapped, 2 host devices", in_study("vmap"), devices=2),
        Contender("vmapped", in_study("vmap")),
        Contender("mapped, 2 host devices", in_study("map"), devices=2),
        Contender("PyTorch, one after the other", pytorch, ("torch",)),
    ],
    against={"against_pytorch": "PyTorch, one after the other"},
)
