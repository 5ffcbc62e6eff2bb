"""A study as small as possible, through the door that users take."""

from experiments.optimizer_study import EXPERIMENTS
from jaxgen.study import command

TINY = ["--tasks=quadratic", "--optimizers=sgd,adam", "--learning_rates=0.01,0.1", "--tuning_seeds=1", "--seeds=2"]
TINY += ["--steps=6", "--evaluations=2", "--mode=vmap"]
SMALL = ["--optimizers=sgd", "--seeds=1"]


def go(place, *flags):
    return command.launch("experiments.optimizer_study", "", EXPERIMENTS, [*TINY, f"--workdir={place}", *flags])
