"""What a report shows of the uses of codes: for one autoencoder, and for several beside each other."""

from collections.abc import Iterator, Mapping

import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data.examples import Dataset
from jaxgen.figures import codes, inpainting, reconstructions
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting

LEAST = 1e-5  # of the largest singular value, of those that are drawn


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """Reconstructions, neighbours by the distance of codes, and images that are filled in."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    picture, caption = reconstructions.restored(technique, state, images)
    yield still("reconstructions", caption, picture)
    yield codes.neighbours_shown(technique, state, images)
    yield inpainting.show(technique, state, images, "block")
    yield inpainting.show(technique, state, images, "half")


def spectra(encoders: Mapping[str, tuple[Technique, State]], images: Dataset) -> Figure:
    """The singular values of named encoders, see `codes.singular_values`."""
    curves = {}
    for name, (technique, state) in encoders.items():
        values = codes.singular_values(technique, state, images.test.image)
        # Those of units that are switched off are rounding, many decades below.
        values = values[: max(1, int((values > LEAST * values[0]).sum()))]
        curves[name] = (np.arange(1, len(values) + 1), values)
    panel = Panel("", "number", "singular value", curves, log_y=True)
    caption = f"Singular values of the code's Jacobian in the image, each averaged over {codes.SLOPES} test images"
    caption += f"; those below {LEAST:g} of an encoder's largest are left out"
    return drawing("singular_values", caption, lines, [panel], "", "category")
