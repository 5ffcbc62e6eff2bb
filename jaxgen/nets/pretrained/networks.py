"""The pretrained networks by name."""

from collections.abc import Callable

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.inception_v3 import inception_v3
from jaxgen.nets.pretrained.network import Layout, Network
from jaxgen.nets.pretrained.squeezenet import squeezenet
from jaxgen.nets.pretrained.vgg import vgg16, vgg19

NETWORKS: dict[str, Callable[[Layout], Network]] = {
    "vgg16": vgg16,
    "vgg19": vgg19,
    "inception_v3": inception_v3,
    "squeezenet": squeezenet,
}


def network(name: str, layout: Layout = "keras") -> Network:
    """The network of this name for weights of this layout, which decides on preprocessing and borders.

    Raises:
        Refused: there is none of that name, with those there are.
    """
    if name not in NETWORKS:
        raise Refused(f"there is no pretrained network {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name](layout)
