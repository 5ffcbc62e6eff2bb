"""Mixtures of Gaussians in the plane as the data of a run."""

import dataclasses
from typing import Any

from jaxgen.core.config import knob
from jaxgen.data import points
from jaxgen.data.sources import holdout, resident
from jaxgen.run.experiment import Data, Reader
from jaxgen.run.flags import DATA, RunFlags
from jaxgen.run.machine import sharing

HELD = 1000  # points of a batch of the splits for validation and test


@dataclasses.dataclass(frozen=True)
class PointFlags(RunFlags):
    """The flags of an experiment on points."""

    dataset: str = knob("ring", f"a mixture of Gaussians: {', '.join(points.MIXTURES)}", free=True, group=DATA)


def read(flags: PointFlags, config: Any) -> Data:
    """Shuffled epochs of the training points. Raises Refused for an unknown mixture, or too large a batch."""
    del config
    mixture, size = points.load(flags.dataset), flags.batch_size
    labels = tuple(str(n) for n in range(len(mixture.centres)))
    facts = {"points": 2, "labels": labels, "batch": size}
    train = resident(mixture.splits["train"], size)
    devices = sharing(size, flags.devices)  # which share the batches of an evaluation too
    at_once = max(1, HELD // devices) * devices
    valid, test = (holdout(mixture.splits[name], at_once) for name in ("valid", "test"))
    epoch = points.COUNTS["train"] // size
    return Data(facts, train, valid, test, epoch, mixture.sha256, mixture, "test", ("points", size))


POINTS = Reader(PointFlags, read)
