"""How many of the 1,000 classes of stacked digits a generator covers, as a judge of single digits sees each channel.

The measures are those of Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.3; the number of samples is that
of Srivastava et al. 2017, "VEEGAN", https://arxiv.org/abs/1705.07761, and Lin et al. 2018, "PacGAN",
https://arxiv.org/abs/1712.04086.

N    samples
D    values of a sample, channels last
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxgen.data import rows
from jaxgen.data.examples import Examples
from jaxgen.data.images import stacked
from jaxgen.figures.adversaries import drawn
from jaxgen.figures.fidelity import seeing, through
from jaxgen.ops.modes import class_coverage
from jaxgen.report.items import Cell, Table
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.judges import Judge, known_as

SAMPLES = 26_000
CLASSES = 10  # of the judge

NOTES = {
    "modes": "classes that at least one sample falls in, its three digits as the judge takes them",
    "KL": "of the shares of classes q from equal shares, in nats; at most log 1,000 = 6.91",
    "test digits": "stacked anew: what independent, almost equally frequent digits come to with as many samples",
}


def classes_of(see: Callable, variables: dict, image: np.ndarray) -> np.ndarray:
    """Class numbers [N] of images [N, D], uint8 or in [0, 1], of whose channels the judge tells one digit each.

    `see` is its network, see `fidelity.seeing`.
    """
    channels = image.reshape(len(image), -1, stacked.CHANNELS).swapaxes(1, 2).reshape(stacked.CHANNELS * len(image), -1)
    return stacked.number(through(see, variables, channels).probability.argmax(1).reshape(-1, stacked.CHANNELS))


def table(setting: Setting, result: Result, judge: Judge, digits: Examples) -> Table:
    """Samples, and as many stacks of `digits` drawn anew, by the modes that they cover; the second row is the floor.

    The images of the test split would be no floor: each of its classes has 10 of them only, so that 26,000 drawn with
    replacement are further from equal shares than independent digits are.

    Args:
        setting: of a run on stacked digits.
        result: of that run. With conditions, classes are asked for with equal probabilities.
        judge: of single digits.
        digits: single ones of the test split.
    """
    random = np.random.Generator(np.random.PCG64(stacked.SEED + 1))  # other stacks than those of the set
    label = random.integers(0, len(setting.data.examples.classes), SAMPLES).astype(np.int32)
    height, width, _ = setting.config.shape
    see = seeing(judge.spec, (height, width, 1), CLASSES)
    images = {
        "samples": lambda: drawn(result.stage.technique, result.state, label, seed=6),
        "test digits": lambda: rows.read(stacked.stack(digits, SAMPLES, random).image, slice(None)),
    }
    cells = []
    for name, make in images.items():  # one after the other: 26,000 images are 245 MB in float32
        counts = np.bincount(classes_of(see, judge.variables, make()), minlength=stacked.MODES)
        covered = class_coverage(jnp.asarray(counts))
        cells.append([Cell(name), Cell(f"{int(covered['modes']):,}"), Cell(f"{float(covered['kl']):.3f}")])
    caption = f"{SAMPLES:,} samples and {SAMPLES:,} stacks of test digits, as told by a judge of single digits"
    caption += f": {known_as(judge)}"
    return Table(caption, ["", f"modes of {stacked.MODES:,}", "KL(q || uniform)"], cells, notes=NOTES)
