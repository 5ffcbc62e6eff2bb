"""Rows of a study as trials.jsonl holds them, made up."""

import math

import numpy as np

from jaxgen.study.statistics import Task

ERROR = Task("toy", "error", "a made-up error")
ACCURACY = Task("digits", "accuracy", "share of examples told right", "higher")


def row(valid, optimizer="adam", rate=0.1, seed=0, phase="final", task="toy", **changes):
    """A run evaluated every 10 updates; null stands for None."""
    valid = list(valid)
    steps = 10 * (len(valid) - 1)
    made = {
        "task": task,
        "optimizer": optimizer,
        "learning_rate": rate,
        "phase": phase,
        "seed": seed,
        "steps": steps,
        "diverged": False,
        "at": list(range(0, steps + 1, 10)),
        "valid": valid,
        "train": valid[1:],
        "test": valid[-1] if phase == "final" else None,
        "seconds": 0.002 * steps,
        "bytes": 76_000,
    }
    return {**made, **changes}


def study(task, optimizers, rates, seeds=5, tuning=3, evaluations=11, spread=1.0):
    """Rows of a whole study: each optimiser approaches its floor; the larger rates of the grid diverge."""
    made = []
    for index, optimizer in enumerate(optimizers):
        best = rates[min(len(rates) - 1, 1 + index % 3)]
        trials = [("tuning", rate, seed) for rate in rates for seed in range(tuning)]
        trials += [("final", best, tuning + seed) for seed in range(seeds)]
        for phase, rate, seed in trials:
            generator = np.random.default_rng([index, seed, round(1e6 * rate)])
            off = abs(math.log10(rate / best))
            speed = (1 + index % 4) * 0.6 / (1 + 4 * off)
            left = np.exp(-speed * np.arange(evaluations))
            floor = 0.02 + 0.004 * index + 0.05 * off
            luck = 0.003 * np.random.default_rng(seed).normal() + 0.001 * generator.normal()  # the seed's, and its own
            error = floor + luck + (0.9 - floor) * left * np.exp(0.1 * spread * generator.normal(size=evaluations))
            error[0] = 0.9 + luck
            diverged = rate > 20 * best or (rate > 5 * best and seed % 2 == 0)
            shown = [float(x) for x in (1 - error if task.better == "higher" else error)]
            if diverged:
                shown[evaluations // 2 :] = [None] * (evaluations - evaluations // 2)
            changes = {
                "diverged": diverged,
                "seconds": 1e-5 * (10 + index) * evaluations,
                "bytes": 76_000 * (index % 3),
            }
            made.append(row(shown, optimizer, rate, seed, phase, task.name, **changes))
    return made
