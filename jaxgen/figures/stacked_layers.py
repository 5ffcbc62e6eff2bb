"""Pictures of stacked layers: filters of the first one, then what they do as an autoencoder or as a classifier."""

from collections.abc import Iterator

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures import codes, mistakes, reconstructions
from jaxgen.figures.probes import neighbour_accuracy
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.plots import scatter
from jaxgen.run.experiment import Result, Setting


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Confusions and mistakes of a classifier, reconstructions of an autoencoder; the first layer's filters of both."""
    if setting.config.top == "classifier":
        yield from mistakes.confused(setting, result)
        yield reconstructions.first_filters(result.state, setting.data.examples.shape)
        return
    yield from reconstructions.show(setting, result)
    if "encoder_1" in result.state.params:  # of a single layer they are among the figures above
        yield reconstructions.first_filters(result.state, setting.data.examples.shape)
    images = setting.data.examples
    # Neighbours need the training images in memory.
    if setting.config.network.latent == 2 and len(images.classes) > 1 and not isinstance(images.train.image, rows.Rows):
        yield from beside_pca(result.stage.technique, result.state, images)


def beside_pca(technique: Technique, state: State, images: Dataset) -> Iterator[Figure | Table]:
    """The test images in the plane of two principal components, and how many have neighbours of their class there."""
    principal, _ = codes.principal_codes(codes.pixels(images), 2)
    every = {"codes": codes.encoded(technique, state, images), "principal components": principal}
    shares = {name: neighbour_accuracy(each.train, each.test, each.classes) for name, each in every.items()}
    cells = [[Cell(name), Cell(f"{100 * share:.1f} %")] for name, share in shares.items()]
    yield Table("Two numbers an image", ["", "5-NN"], cells, notes={"5-NN": codes.DEFINITIONS["5-NN"]})
    caption = "Two principal components of test images"
    yield drawing("components", caption, scatter, principal.test.x, principal.test.label, images.classes, caption)
