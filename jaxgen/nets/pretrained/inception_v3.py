"""InceptionV3 (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).

conv2d_1 ... conv2d_94                   convolutions without a bias, numbered as in Keras's files
batch_normalization_1 ... _94            of them
activation_1 ... activation_94           and their rectifiers
max_pooling2d_1 ... _4                   maxima of 3x3 pixels, every second one; the stem's are 1 and 2
average_pooling2d_1 ... _9               means of 3x3 pixels
mixed0 ... mixed10                       branches side by side: what a block returns
mixed9_0, mixed9_1, concatenate_1, _2    parts of mixed9 and mixed10
avg_pool                                 means over all pixels [B, 2048]
predictions                              logits [B, 1000] of ImageNet's classes
"""

from collections import Counter
from functools import partial

from jaxgen.nets.pretrained.graph import IMAGE, Node
from jaxgen.nets.pretrained.network import Layout, Network, build
from jaxgen.nets.pretrained.preparing import symmetric

# Blocks are branches, and a branch is a chain of: a kind of pooling; a convolution (torchvision's name, channels,
# height, width, strides); or ("fork", name, convolutions side by side).
REDUCE_35 = (
    (("branch3x3", 384, 3, 3, 2),),
    (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3), ("branch3x3dbl_3", 96, 3, 3, 2)),
    ("max3",),
)
REDUCE_17 = (
    (("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 3, 2)),
    (
        *(("branch7x7x3_1", 192, 1, 1), ("branch7x7x3_2", 192, 1, 7)),
        *(("branch7x7x3_3", 192, 7, 1), ("branch7x7x3_4", 192, 3, 3, 2)),
    ),
    ("max3",),
)


def of_35(pooled: int) -> tuple:
    """A block of 35 x 35 pixels, in an image of 299 x 299."""
    return (
        (("branch1x1", 64, 1, 1),),
        (("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 5)),
        (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3), ("branch3x3dbl_3", 96, 3, 3)),
        ("mean3", ("branch_pool", pooled, 1, 1)),
    )


def of_17(width: int) -> tuple:
    """A block of 17 x 17 pixels, whose kernels are 7 pixels high or wide."""
    return (
        (("branch1x1", 192, 1, 1),),
        (("branch7x7_1", width, 1, 1), ("branch7x7_2", width, 1, 7), ("branch7x7_3", 192, 7, 1)),
        (
            *(("branch7x7dbl_1", width, 1, 1), ("branch7x7dbl_2", width, 7, 1), ("branch7x7dbl_3", width, 1, 7)),
            *(("branch7x7dbl_4", width, 7, 1), ("branch7x7dbl_5", 192, 1, 7)),
        ),
        ("mean3", ("branch_pool", 192, 1, 1)),
    )


def of_8(part: str) -> tuple:
    """A block of 8 x 8 pixels; `part` is Keras's name of its first fork."""
    return (
        (("branch1x1", 320, 1, 1),),
        (
            ("branch3x3_1", 384, 1, 1),
            ("fork", part, ("branch3x3_2a", 384, 1, 3), ("branch3x3_2b", 384, 3, 1)),
        ),
        (
            *(("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 3)),
            ("fork", "", ("branch3x3dbl_3a", 384, 1, 3), ("branch3x3dbl_3b", 384, 3, 1)),
        ),
        ("mean3", ("branch_pool", 192, 1, 1)),
    )


BLOCKS = {  # torchvision's name -> branches; mixed0 to mixed10
    "Mixed_5b": of_35(32),
    "Mixed_5c": of_35(64),
    "Mixed_5d": of_35(64),
    "Mixed_6a": REDUCE_35,
    "Mixed_6b": of_17(128),
    "Mixed_6c": of_17(160),
    "Mixed_6d": of_17(160),
    "Mixed_6e": of_17(192),
    "Mixed_7a": REDUCE_17,
    "Mixed_7b": of_8("mixed9_0"),
    "Mixed_7c": of_8("mixed9_1"),
}
NUMBERED = {"conv": "conv2d", "norm": "batch_normalization", "relu": "activation", "concat": "concatenate"}
NUMBERED |= {"max3": "max_pooling2d", "mean3": "average_pooling2d"}


def inception_v3(layout: Layout = "keras") -> Network:
    """InceptionV3, for weights of this layout.

    torchvision's weights (`inception_v3`, converted from TensorFlow's as well) have a scale in each norm, and its means
    at the border count pixels beyond it as 0. Its `transform_input`, which belongs to the published weights, turns
    standardised RGB into [-1, 1], which is taken here in all layouts. Its auxiliary classifier is left out. The network
    of the Fréchet inception distance is another one: its branches pool otherwise.
    """
    nodes: list[Node] = []
    torchs = layout == "torch"
    add = partial(_add, nodes, Counter(), {"norm": {"scale": torchs}, "mean3": {"zeros": torchs}})
    x = _stem(add)
    for number, (torch, branches) in enumerate(BLOCKS.items()):
        ends = [_chain(add, x, torch, branch) for branch in branches]
        x = add("concat", *ends, name=f"mixed{number}")
    nodes.append(Node("avg_pool", "mean", (x,)))
    nodes.append(Node("predictions", "dense", ("avg_pool",), "fc", 1000))
    return build("inception_v3", layout, nodes, symmetric, least=75)


def _add(nodes, counter, origin, kind, *inputs, name="", **options):
    """Appends a node and returns its name, which is numbered where none is stated."""
    if not name:
        counter[kind] += 1
        name = f"{NUMBERED[kind]}_{counter[kind]}"
    nodes.append(Node(name, kind, inputs, **options, **origin.get(kind, {})))
    return name


def _conv(add, x, torch, features, height, width, strides=1, padding="SAME"):
    """A convolution, its norm and its rectifier."""
    options = {"features": features, "size": (height, width), "strides": strides, "padding": padding}
    x = add("conv", x, torch=f"{torch}.conv", bias=False, **options)
    return add("relu", add("norm", x, torch=f"{torch}.bn"))


def _stem(add):
    x = _conv(add, IMAGE, "Conv2d_1a_3x3", 32, 3, 3, 2, "VALID")
    x = _conv(add, x, "Conv2d_2a_3x3", 32, 3, 3, 1, "VALID")
    x = add("max3", _conv(add, x, "Conv2d_2b_3x3", 64, 3, 3))
    x = _conv(add, x, "Conv2d_3b_1x1", 80, 1, 1)
    return add("max3", _conv(add, x, "Conv2d_4a_3x3", 192, 3, 3, 1, "VALID"))


def _chain(add, x, torch, steps):
    """The steps of a branch, one after the other; strided convolutions stay within the image."""
    for step in steps:
        if isinstance(step, str):
            x = add(step, x)
        elif step[0] == "fork":
            x = add("concat", *(_chain(add, x, torch, (one,)) for one in step[2:]), name=step[1])
        else:
            name, features, height, width, *strided = step
            options = (*strided, "VALID") if strided else ()
            x = _conv(add, x, f"{torch}.{name}", features, height, width, *options)
    return x
