"""Fixed networks from descriptions, tuples of texts that stand in a Config and on a run's record."""

from collections.abc import Sequence
from typing import cast

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.network import Layout, Network
from jaxgen.nets.pretrained.networks import network
from jaxgen.nets.pretrained.trained import trained


def network_of(description: Sequence[str]) -> Network:
    """The network of ("vgg19", "keras"), a name and the layout of its weights, or of what `trained` takes.

    Raises Refused for an unknown name.
    """
    if not description:
        raise Refused("no network is named")
    if description[0] == "cnn":
        return trained(description)
    name, layout = description
    return network(name, cast("Layout", layout))
