"""A study as small as possible, through the door that users take."""

from experiments import optimizer_study
from jaxgen.run import cli

TINY = ["--tasks=quadratic", "--optimizers=sgd,adam", "--learning_rates=0.01,0.1", "--tuning_seeds=1", "--seeds=2"]
TINY += ["--steps=6", "--evaluations=2"]
SMALL = ["--optimizers=sgd", "--seeds=1"]


def go(place, *flags):
    argv = [*TINY, f"--workdir={place}", *flags]
    return cli.guarded("optimizer_study", lambda: optimizer_study.study(argv))
