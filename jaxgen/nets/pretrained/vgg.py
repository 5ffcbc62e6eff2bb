"""VGG16 and VGG19 (Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556), configurations D and E.

block1_conv1 ... block5_conv4    3x3 convolutions after their rectifier; the literature's relu1_1 ... relu5_4
block1_pool ... block5_pool      maxima of 2x2 pixels, without overlap
flatten, fc1, fc2                dense layers after their rectifier
predictions                      logits [B, 1000] of ImageNet's classes
"""

from jaxgen.nets.pretrained.graph import IMAGE, Node
from jaxgen.nets.pretrained.network import Layout, Network, build
from jaxgen.nets.pretrained.preparing import centred, standardised

WIDTHS = (64, 128, 256, 512, 512)  # channels of the convolutions of each block


def vgg16(layout: Layout = "keras") -> Network:
    """VGG16, for weights of this layout. See `vgg19`."""
    return _vgg("vgg16", (2, 2, 3, 3, 3), layout)


def vgg19(layout: Layout = "keras") -> Network:
    """VGG19, for weights of this layout.

    Keras's weights (converted from the authors' Caffe model) take BGR minus its mean, torchvision's (trained anew)
    standardised RGB; in the latter `features.N` and `classifier.N` without batch normalisation. Images of any size, of
    which the dense layers read 7 x 7 pixels: 224 to 255 pixels a side. torchvision, which averages other sizes to
    7 x 7, is not followed in that.
    """
    return _vgg("vgg19", (2, 2, 4, 4, 4), layout)


def _vgg(name, depths, layout):
    nodes, last, number = [], IMAGE, 0  # number: of torchvision's modules, of which a rectifier is one
    for block, (width, depth) in enumerate(zip(WIDTHS, depths), 1):
        for layer in range(1, depth + 1):
            here = f"block{block}_conv{layer}"
            nodes.append(Node(here, "conv", (last,), f"features.{number}", width, (3, 3), relu=True))
            last, number = here, number + 2
        nodes.append(Node(f"block{block}_pool", "max2", (last,)))
        last, number = f"block{block}_pool", number + 1
    nodes += [
        Node("flatten", "flatten", (last,), size=(7, 7)),
        Node("fc1", "dense", ("flatten",), "classifier.0", 4096, relu=True),
        Node("fc2", "dense", ("fc1",), "classifier.3", 4096, relu=True),
        Node("predictions", "dense", ("fc2",), "classifier.6", 1000),
    ]
    return build(name, layout, nodes, standardised if layout == "torch" else centred, least=32)
