"""From a data set and a run's flags to a Stage."""

from typing import Any

from jaxgen import machine
from jaxgen.core.loop import spread
from jaxgen.core.types import Refused, Stage, Technique
from jaxgen.data.examples import Dataset
from jaxgen.data.sources import source, sweep


def image_stage(technique: Technique, dataset: Dataset, flags: Any) -> Stage:
    """Trains on shuffled epochs of the training split, evaluates on the validation split.

    Raises Refused where the batch is larger than the split, or cannot be divided among the devices.
    """
    training = source(dataset.train, flags.batch_size)
    validation = sweep(dataset.valid, flags.batch_size)
    epoch = len(dataset.train.image) // flags.batch_size
    placed = machine.shardings()
    if placed:
        batches = placed[1]
        if flags.batch_size % batches.mesh.size:
            raise Refused(f"--batch_size={flags.batch_size} cannot be divided among {batches.mesh.size} devices")
        training, validation = spread(training, batches), spread(validation, batches)
    return Stage(technique, training, flags.steps or flags.epochs * epoch, validation)
