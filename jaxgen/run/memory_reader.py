"""Sets that are columns in memory as the data of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.sources import holdout, source
from jaxgen.run.experiment import Data

Columns = Mapping[str, np.ndarray]  # name -> [N, ...]
ALL = 2**40  # bytes up to which a set stays on the device


def data_of(
    facts: Mapping[str, Any], splits: Sequence[Columns], batch_size: int, unit: str, sha256: str, examples: Any
) -> Data:
    """Passes over the first of three splits; the two others in order.

    Args:
        facts: fields of a Config that the data decide.
        splits: to train, validate and test on.
        batch_size: examples of an update.
        unit: what an example is called, in the plural.
        sha256: of all splits.
        examples: what figures show.

    Raises:
        Refused: a batch is larger than the training split.
    """
    count = len(next(iter(splits[0].values())))
    if batch_size > count:
        raise Refused(f"--batch_size={batch_size} is more than the {count:,} training {unit}")
    train, (valid, test) = source(splits[0], batch_size, ALL), (holdout(each, batch_size, ALL) for each in splits[1:])
    epoch, counted = count // batch_size, (unit, batch_size)
    return Data(facts, train, valid, test, epoch, sha256, examples, "test", counted)
