"""Pictures of stacked layers: filters of the first one, then what they do as an autoencoder or as a classifier."""

from collections.abc import Iterator

from jaxgen.figures import mistakes, reconstructions
from jaxgen.report.items import Figure
from jaxgen.run.experiment import Result, Setting


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """Confusions and mistakes of a classifier, reconstructions of an autoencoder; the first layer's filters of both."""
    if setting.config.top == "classifier":
        yield from mistakes.confused(setting, result)
        yield reconstructions.first_filters(result.state, setting.data.examples.shape)
        return
    yield from reconstructions.show(setting, result)
    if "encoder_1" in result.state.params:  # of a single layer they are among the figures above
        yield reconstructions.first_filters(result.state, setting.data.examples.shape)
