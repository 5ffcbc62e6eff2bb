"""The painter of experiments.fast_style, untrained, paints a photograph of 400 x 533 pixels; megapixels a second.

PyTorch's is the same network with the same weights, eager, float32, channels-last: as fast-neural-style's users run it.
Quality: the mean of the painted pixels, in [0, 1], which is that of one function.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from jaxgen.nets.painter import FACTOR, Painter
from jaxgen.ops.instance import EPSILON


class Sizes(NamedTuple):
    """Of the network and its image."""

    width: int
    blocks: int = 5
    height: int = 400
    columns: int = 533

    @property
    def amount(self) -> float:
        """Megapixels of a call."""
        return self.height * self.columns / 1e6


def drawn(sizes: Sizes) -> tuple[Any, np.ndarray]:
    """The painter's parameters, with norms that are not those of the start, and an image [H, W, 3] in [0, 1]."""
    image_key, init_key = jax.random.split(jax.random.key(0))
    image = jax.random.uniform(image_key, (sizes.height, sizes.columns, 3), jnp.float32)
    small, one = jnp.zeros((1, 8, 8, 3), jnp.float32), jnp.ones((1, 1), jnp.float32)
    params = jax.jit(Painter(sizes.width, sizes.blocks).init)(init_key, small, one)["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(init_key, len(leaves))
    noisy = [leaf + 0.02 * jax.random.normal(key, leaf.shape, leaf.dtype) for leaf, key in zip(leaves, keys)]
    return jax.tree.unflatten(tree, noisy), np.asarray(image)


def ours(sizes: Sizes) -> Work:
    """One program, as `--stylize_only` runs it."""
    params, image = drawn(sizes)
    painter, one = Painter(sizes.width, sizes.blocks), jnp.ones((1, 1), jnp.float32)
    paint = jax.jit(lambda params, image: painter.apply({"params": params}, image[None], one)[0])
    painted: list[np.ndarray] = []

    def call():
        painted[:] = [np.asarray(paint(params, image))]

    return Work(call, sizes.amount, lambda: float(painted[0].mean()))


def network(torch: Any, params: Any, sizes: Sizes) -> Any:
    """images [B, 3, H, W] -> painted ones, by PyTorch with these parameters."""
    functional = torch.nn.functional
    tensors = jax.tree.map(lambda leaf: trainers.tensor(torch, np.array(leaf)), params)
    last = {"memory_format": torch.channels_last}
    kernels = {
        name: each["kernel"].permute(3, 2, 0, 1).contiguous(**last)
        for name, each in tensors.items()
        if not name.endswith("_norm")
    }

    def convolved(x, name, stride=1, bias=None):
        side = kernels[name].shape[-1] // 2
        return functional.conv2d(functional.pad(x, [side] * 4, mode="reflect"), kernels[name], bias, stride)

    def normed(x, name):
        norm = tensors[f"{name}_norm"]
        bias = norm["bias"][0] if "bias" in norm else None
        return functional.instance_norm(x, weight=norm["scale"][0], bias=bias, eps=EPSILON)

    def forward(x):
        height, width = x.shape[2:]
        x = functional.pad(x, (0, -width % FACTOR, 0, -height % FACTOR), mode="reflect").mul(2).sub(1)
        x = normed(convolved(x, "first"), "first").relu_()
        for name in ("smaller1", "smaller2"):
            x = normed(convolved(x, name, 2), name).relu_()
        for number in range(1, sizes.blocks + 1):
            inner = normed(convolved(x, f"block{number}_conv1"), f"block{number}_conv1").relu_()
            x = x + normed(convolved(inner, f"block{number}_conv2"), f"block{number}_conv2")
        for name in ("larger1", "larger2"):
            x = normed(convolved(functional.interpolate(x, scale_factor=2, mode="nearest"), name), name).relu_()
        x = convolved(x, "last", bias=tensors["last"]["bias"]).sigmoid_()
        return x[:, :, :height, :width]

    return forward


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, channels-last, without gradients."""
    torch, (params, image) = trainers.pytorch(), drawn(sizes)
    paint, painted = network(torch, params, sizes), list[Any]()
    pixels = (
        trainers.tensor(torch, np.array(image)).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)
    )

    def call():
        with torch.inference_mode():
            painted[:] = [paint(pixels)]

    return Work(call, sizes.amount, lambda: float(painted[0].mean()))


LOOP = Loop(
    about=__doc__ or "",
    unit="megapixels_per_second",
    cases={"16": Sizes(16), "32": Sizes(32)},
    contenders=[Contender("compiled", ours), Contender("PyTorch", pytorch, ("torch",))],
    column="width",
    within=1e-3,
)
