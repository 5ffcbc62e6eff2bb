"""The analytic surfaces as an experiment, so that a study makes its tasks on them as it makes all others."""

from typing import Any

from jaxgen.run.experiment import Data, Experiment, Reader
from jaxgen.run.flags import RunFlags
from jaxgen.study import surfaces

UPDATES = 500  # where --steps is left out


def read_noise(flags: RunFlags, config: Any) -> Data:
    """Batches of noise to train on, a point without noise to evaluate.

    Noise has no end: an epoch is the whole run. There is one point to evaluate, hence no test split.
    """
    train, holdout = surfaces.noise_source(config, flags.batch_size), surfaces.exact_holdout()
    return Data({}, train, holdout, holdout, flags.steps or UPDATES, "", judged="valid")


EXPERIMENT = Experiment(
    name="jaxgen.study.analytic",
    doc=__doc__ or "",
    title="Analytic surface",
    text="A point descends a surface over the plane.",
    technique=surfaces,
    data=Reader(RunFlags, read_noise),
    presets={name: {"surface": name} for name in surfaces.SURFACES},
    defaults={"steps": UPDATES, "batch_size": 1},
)
