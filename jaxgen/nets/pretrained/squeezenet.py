"""SqueezeNet v1.1 (Iandola et al. 2016, https://arxiv.org/abs/1602.07360): AlexNet's accuracy with 1.2 million weights.

    conv1, relu_conv1                        convolution, before and after its rectifier
    pool1, pool3, pool5                      maxima of 3x3 pixels, every second one
    fire2_squeeze1x1, fire2_relu_squeeze1x1  a fire module: few channels,
    fire2_expand1x1, fire2_relu_expand1x1    and from them more by 1x1
    fire2_expand3x3, fire2_relu_expand3x3    and by 3x3 convolutions,
    fire2 ... fire9                          side by side: what a module returns
    conv10, relu_conv10                      maps of ImageNet's classes
    predictions                              their means, logits [B, 1000]

v1.1 is in https://github.com/forresti/SqueezeNet/tree/master/SqueezeNet_v1.1. The file's "fire2/concat" is fire2 here.
"""

from jaxgen.nets.pretrained.graph import IMAGE, Node
from jaxgen.nets.pretrained.network import Layout, Network, build
from jaxgen.nets.pretrained.preparing import centred, standardised

# Module -> channels of its squeeze and of each expand convolution, and its number in torchvision's `features`.
FIRES = {2: (16, 64, 3), 3: (16, 64, 4), 4: (32, 128, 6), 5: (32, 128, 7)}
FIRES |= {6: (48, 192, 9), 7: (48, 192, 10), 8: (64, 256, 11), 9: (64, 256, 12)}


def squeezenet(layout: Layout = "keras") -> Network:
    """SqueezeNet v1.1, for weights of this layout.

    Keras's weights (converted from the authors' Caffe model) take BGR minus its mean; torchvision's `squeezenet1_1`
    takes standardised RGB, and its pooling windows may reach over the border.
    """
    nodes: list[Node] = []
    torchs = layout == "torch"

    def add(name, kind, *inputs, **options):
        nodes.append(Node(name, kind, inputs, **options))
        return name

    def conv(name, x, features, size=1, torch="", **options):
        stem, _, last = name.rpartition("_")
        add(name, "conv", x, torch=torch, features=features, size=(size, size), **options)
        return add(f"{stem}_relu_{last}" if stem else f"relu_{last}", "relu", name)

    def fire(number, x):
        squeezed, expanded, module = FIRES[number]
        name, torch = f"fire{number}", f"features.{module}"
        x = conv(f"{name}_squeeze1x1", x, squeezed, torch=f"{torch}.squeeze")
        sides = [conv(f"{name}_expand{n}x{n}", x, expanded, n, f"{torch}.expand{n}x{n}") for n in (1, 3)]
        return add(name, "concat", *sides)

    x = conv("conv1", IMAGE, 64, 3, "features.0", strides=2, padding="VALID")
    x = add("pool1", "max3", x, ragged=torchs)
    for number in FIRES:
        x = fire(number, x)
        if number in (3, 5):
            x = add(f"pool{number}", "max3", x, ragged=torchs)
    x = conv("conv10", x, 1000, torch="classifier.1")
    add("predictions", "mean", x)
    return build("squeezenet", layout, nodes, standardised if torchs else centred, least=17 if torchs else 31)
