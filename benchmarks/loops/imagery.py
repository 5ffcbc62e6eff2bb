"""Gradients of a fixed network in an image a second: what an update of a dream costs, against PyTorch.

VGG19 at 400 x 533 pixels, the sum of mean squares of the six layers that the book's style transfer reads, up to
block5_conv2; InceptionV3 at 300 x 300, the book's dream up to mixed5. Both networks have the same random weights. An
update adds to the image 0.01 times the gradient over its mean magnitude.
Quality: the loss, averaged over the updates of the fifth call.

With all cores for convolutions (`core.compiling`) VGG19 went from 1.33 to 1.43 of PyTorch's, InceptionV3 from 0.95 to
1.26 (two cores of an AMD EPYC with AVX-512, 2026-12-01, three rounds each).
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments import dream
from jaxgen.core import loop
from jaxgen.core.types import Stage
from jaxgen.data.sources import beside, resident
from jaxgen.nets.pretrained import terms
from jaxgen.nets.pretrained.assemble import TORCH
from jaxgen.nets.pretrained.networks import network
from jaxgen.nets.pretrained.preparing import DEVIATIONS, MEANS
from jaxgen.ops.image_gradient import LEAST
from jaxgen.optim.textbook import sgd
from jaxgen.run.experiment import LARGEST
from jaxgen.techniques.imagery import deepdream

RATE = 0.01


class Sizes(NamedTuple):
    """Of an image, and what is seen in it."""

    network: str
    layers: str
    height: int
    width: int
    updates: int  # of a call

    @property
    def amount(self) -> int:
        """Gradients of a call."""
        return self.updates


STYLE = "block1_conv1,block2_conv1,block3_conv1,block4_conv1,block5_conv1,block5_conv2"
DREAM = "mixed2:0.2,mixed3:3,mixed4:2,mixed5:1.5"
CASES = {
    "vgg19": Sizes("vgg19", STYLE, 400, 533, 1),
    "inception_v3": Sizes("inception_v3", DREAM, 300, 300, 10),
}


def pixels(sizes: Sizes) -> np.ndarray:
    """Noise [1, H, W, 3], uint8."""
    return np.random.default_rng(0).integers(0, 256, (1, sizes.height, sizes.width, 3), np.uint8)


def variables(sizes: Sizes) -> Any:
    """Those of the layers that are needed: He-normal kernels."""
    net, names = network(sizes.network, "torch"), terms.names(terms.terms(sizes.layers, "layers"))
    return jax.jit(lambda key: net.init(key, names))(jax.random.key(0))


def dreaming(sizes: Sizes) -> Work:
    """Updates by `core.loop.train`, as `python -m experiments.dream` makes them."""
    columns, last = {"image": pixels(sizes)}, dict[str, float]()
    config = deepdream.Config(columns["image"].shape[1:], (sizes.network, "torch"), layers=sizes.layers)
    source = beside(resident(columns, 1), network=variables(sizes))
    stage = Stage(
        deepdream.make(config), source, LARGEST, adopt=functools.partial(dream.adopted, config, sgd, None, 1.0)
    )
    events = loop.train([stage], jax.random.key(0), sizes.updates)
    return Work(lambda: last.update(next(events).train), sizes.amount, lambda: last["loss"], trainers.CALLS)


def peer(torch: Any, sizes: Sizes) -> Any:
    """PyTorch's network with our weights, channels last: RGB in [0, 1] [1, 3, H, W] to name -> activation."""
    from benchmarks import torch_networks

    net, state = network(sizes.network, "torch"), dict[str, Any]()
    model: Any
    names: Sequence[str]
    for kind in variables(sizes).values():
        for layer, weights in kind.items():
            prefix = next(each.torch for each in net.layers if each.name == layer)
            for weight, array in weights.items():
                value = np.array(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array)
                state[f"{prefix}.{TORCH.get(weight, weight)}"] = trainers.tensor(torch, value)
    if sizes.network == "vgg19":
        model, names = torch_networks.VGG((2, 2, 4, 4, 2), pooled=False), net.activations
        centre, spread = (torch.tensor(each).reshape(3, 1, 1) for each in (MEANS, DEVIATIONS))
        forward = lambda x: model((x - centre) / spread)
    else:
        model, names = torch_networks.InceptionV3(), [f"mixed{number}" for number in range(6)]
        forward = lambda x: model(2 * x - 1, upto=5)
    model.load_state_dict(state, strict=False)  # what lies beyond the layers asked for stays as it is
    model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return lambda x: dict(zip(names, forward(x)))


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, channels last, the gradient of the image alone."""
    torch = trainers.pytorch()
    activations, wanted = peer(torch, sizes), terms.terms(sizes.layers, "layers")
    start = trainers.tensor(torch, pixels(sizes)).permute(0, 3, 1, 2).float() / 127.5 - 1  # its memory is channels-last
    image = start.requires_grad_()

    def step():
        values = activations(0.5 * (image + 1))
        loss = sum(term.weight * values[term.layer].square().mean() for term in wanted)
        (slope,) = torch.autograd.grad(loss, image)
        with torch.no_grad():
            image.add_(slope / slope.abs().mean().clamp(min=LEAST), alpha=RATE)
        return loss

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="gradients_per_second",
    cases=CASES,
    contenders=[Contender("in a scan", dreaming), Contender("PyTorch", pytorch, ("torch",))],
    column="network",
    within=0.01,
    seconds=5.0,
)
