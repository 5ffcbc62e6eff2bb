"""A problem as small as possible for a study."""

import toys
from study_rows import ERROR

from jaxgen.core.progress import Policy
from jaxgen.core.types import Holdout, Source, Stage
from jaxgen.optim.registry import OPTIMIZERS
from jaxgen.study import timing, training
from jaxgen.study.problems import Problem

STEPS, EVERY, POLICY = 12, 5, Policy()
TASK = ERROR  # of the name and metric that `problem` has
TIMES = {"map": 2.0, "vmap": 1.0, "single": 3.0}
__all__ = ["TASK", "pretend", "problem", "stage"]


def problem(policy=POLICY):
    source, holdout = Source(toys.data(), toys.take), Holdout(toys.data(), toys.once, 1)
    make = lambda factory: toys.mean_of(6, noise=0.3, optimizer=factory)
    return Problem(TASK.name, make, lambda name: OPTIMIZERS[name], source, holdout, holdout, STEPS, EVERY, policy)


def stage(optimizer, rate):
    """The same problem as a run of its own, at a fixed rate."""
    technique = toys.mean_of(6, rate, 0.3, OPTIMIZERS[optimizer])
    return Stage(technique, Source(toys.data(), toys.take), STEPS, Holdout(toys.data(), toys.once, 1))


def pretend(monkeypatch):
    """Lets studies train nothing: (runs of each part, (problem, optimiser) of each program). A rate of 0.01 is good."""
    parts, programs = [], []

    def trained(problem, functions, trials, arrays, final, advance):
        parts.append(len(trials))
        advance(problem.steps)
        good = lambda trial: 0.5 + 1e-3 * trial.rate - (trial.rate == 0.01) * 0.2 - (trial.rate == 10.0) * 0.3
        row = {"steps": problem.steps, "diverged": False, "at": [0, problem.steps], "train": [1.0]}
        row |= {"test": 0.5 if final else None, "seconds": 0.1, "bytes": 12}
        return [{"learning_rate": each.rate, "seed": each.seed, "valid": [1.0, good(each)], **row} for each in trials]

    def compiled(problem, optimizer, mode):
        programs.append((problem, optimizer))
        return mode

    monkeypatch.setattr(training, "train_runs", trained)
    monkeypatch.setattr(training, "compiled_programs", compiled)
    monkeypatch.setattr(training, "start_runs", lambda *_: None)
    monkeypatch.setattr(timing, "fastest_mode", lambda *_: ("vmap", "vmap", TIMES))
    monkeypatch.setattr(timing, "seconds_of_training", lambda *_: (1.0, None))
    return parts, programs
