"""Which games cover all modes of a mixture: each with several seeds side by side, in one compiled program.

python -m experiments.modes                      ring of 8 Gaussians, five seeds of each game
python -m experiments.modes --dataset=grid       25 Gaussians

What was measured: experiments/results/gan.md.
"""

import dataclasses
import functools
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import mixtures
from jaxgen.core.config import knob
from jaxgen.core.loop import stage_keys
from jaxgen.core.types import Refused, Source, State, Technique
from jaxgen.figures.clouds import clouds, enough
from jaxgen.figures.latents import vmapped
from jaxgen.ops.modes import mode_coverage
from jaxgen.report import page
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Table
from jaxgen.run import cli
from jaxgen.run.conduct import read
from jaxgen.run.experiment import Setting
from jaxgen.run.machine import forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown

TEXT = (
    "Generators of one size, from the same seeds, against critics of the same rates: what differs is loss, and what "
    "holds the critic's slope."
)
SAMPLES, SHOWN, CHUNK = 10_000, 1000, 500


@dataclasses.dataclass(frozen=True)
class Flags:
    """What is compared; networks, rates and batches are those of experiments.mixtures."""

    workdir: str = knob("runs/modes", "for report.html")
    dataset: str = knob("ring", "a mixture of Gaussians: ring or grid")
    games: str = knob(",".join(mixtures.PRESETS), "presets of experiments.mixtures, separated by commas")
    seeds: int = knob(5, "of each game, from 0, trained side by side", lower=1, upper=100)
    steps: int = knob(5000, "updates of the generator", lower=1, upper=10**7)


@functools.partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=3)
def advance(step, take, length, states, arrays, keys, first):
    """`length` updates of all seeds, each on batches of its own."""

    def one(states, n):
        batch = jax.vmap(lambda key: take(arrays, key, n))(keys)
        return jax.vmap(step)(states, batch)[0], None

    return jax.lax.scan(one, states, first + jnp.arange(length, dtype=jnp.int32))[0]


def states_after(technique: Technique, source: Source, seeds: int, steps: int) -> State:
    """The States [seeds] of the runs that experiments.mixtures makes with these numbers as --seed."""
    keys = jax.vmap(lambda seed: stage_keys(jax.random.key(seed), 0))(jnp.arange(seeds))
    states = jax.jit(jax.vmap(technique.init))(keys[:, 0])
    for first in range(0, steps, CHUNK):
        length = min(CHUNK, steps - first)
        states = advance(technique.step, source.take, length, states, source.arrays, keys[:, 1], jnp.int32(first))
    return states


def trained(setting: Setting, seeds: int, steps: int) -> np.ndarray:
    """Samples [seeds, SAMPLES, 2] of generators after training."""
    technique = setting.module.make(setting.config, *setting.optimizers(steps))
    states = states_after(technique, setting.data.train, seeds, steps)
    label = jnp.arange(SAMPLES, dtype=jnp.int32) % len(setting.data.examples.centres)
    sample = vmapped(technique, "sample")
    one = lambda n: np.asarray(sample(jax.tree.map(lambda leaf: leaf[n], states), jax.random.key(n), label))
    return np.stack([one(n) for n in range(seeds)])


class Outcome(NamedTuple):
    """What the generators of one game came to."""

    name: str
    samples: np.ndarray  # [seeds, SAMPLES, 2]
    covered: list[int]  # modes, of each seed
    good: list[float]  # share of samples within 4 sigma of a mode
    seconds: float  # compilation included


def play(name: str, setting: Setting, flags: Flags) -> Outcome:
    """Trains the seeds of one game and measures their samples."""
    mixture, begun = setting.data.examples, time.perf_counter()
    samples = trained(setting, flags.seeds, flags.steps)
    seconds, centres = time.perf_counter() - begun, mixture.centres
    measured = [mode_coverage(jnp.asarray(x), centres, mixture.sigma, enough(mixture.centres)) for x in samples]
    return Outcome(name, samples, [int(m["modes"]) for m in measured], [float(m["good"]) for m in measured], seconds)


def modes(argv: list[str]) -> list[page.Chapter]:
    """Trains all games, prints what they cover, writes the report and returns it. Raises Refused for unknown games."""
    flags, _ = alone("modes", Flags, argv)
    prepare(1, "")
    common = [f"--dataset={flags.dataset}", f"--steps={flags.steps}"]
    settings = {}
    for name in filter(None, flags.games.split(",")):
        settings[name] = setting = read(mixtures.EXPERIMENT, parse(mixtures.EXPERIMENT, [*common, f"--preset={name}"]))
    if not settings:
        raise Refused("--games must name presets of experiments.mixtures, separated by commas")
    rows, panels = [], []
    for name, setting in settings.items():
        each = play(name, setting, flags)
        texts = [
            f"{min(each.covered)}" if len(set(each.covered)) == 1 else f"{min(each.covered)} to {max(each.covered)}",
            f"{100 * np.mean(each.good):.1f} % ({100 * min(each.good):.1f} to {100 * max(each.good):.1f})",
            f"{each.seconds:.0f} s",
        ]
        print(f"{name}: {texts[0]} modes, {texts[1]} of samples within 4 sigma, {texts[2]}", flush=True)
        rows.append([Cell(text) for text in (name, *texts)])
        panels += [
            (f"{name}, seed {n}: {count}", x[:SHOWN]) for n, (count, x) in enumerate(zip(each.covered, each.samples))
        ]
        forget_programs()
    centres = setting.data.examples.centres
    caption = f"{flags.steps:,} updates, {SAMPLES:,} samples of each seed, {flags.seeds} seeds; the range of seeds"
    columns = ["game", f"modes of {len(centres)}", "samples within 4 sigma", "all seeds together"]
    notes = {"modes": f"those within 4 sigma of which at least {100 * enough(centres):.1f} % of all samples are"}
    figure = drawing(
        "clouds", "Samples of each game and seed; circles: the modes", clouds, panels, centres, flags.seeds
    )
    path = Path(os.path.expanduser(flags.workdir))
    pictures, _, missing = shown(path / "figures", [figure])
    chapter = page.Chapter("Modes", TEXT, pictures=pictures, tables=[Table(caption, columns, rows, notes=notes)])
    page.write(path / "report.html", "Modes of a mixture", [chapter._replace(missing=missing)])
    print(f"report: {path / 'report.html'}")
    return [chapter]


if __name__ == "__main__":
    sys.exit(cli.script("experiments.modes", __doc__ or "", Flags, modes))
