"""A problem as small as possible for a study."""

import toys
from study_rows import ERROR

from jaxgen.core.progress import Policy
from jaxgen.core.types import Holdout, Source, Stage
from jaxgen.optim.registry import OPTIMIZERS
from jaxgen.study.problems import Problem

STEPS, EVERY, POLICY = 12, 5, Policy()
TASK = ERROR  # of the name and metric that `problem` has
__all__ = ["TASK", "problem", "stage"]


def problem(policy=POLICY):
    source, holdout = Source(toys.data(), toys.take), Holdout(toys.data(), toys.once, 1)
    make = lambda factory: toys.mean_of(6, noise=0.3, optimizer=factory)
    return Problem(TASK.name, make, lambda name: OPTIMIZERS[name], source, holdout, holdout, STEPS, EVERY, policy)


def stage(optimizer, rate):
    """The same problem as a run of its own, at a fixed rate."""
    technique = toys.mean_of(6, rate, 0.3, OPTIMIZERS[optimizer])
    return Stage(technique, Source(toys.data(), toys.take), STEPS, Holdout(toys.data(), toys.once, 1))
