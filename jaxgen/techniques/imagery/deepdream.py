"""DeepDream: an image changed until a fixed network's layers are excited by it.

Mordvintsev et al. 2015, https://research.google/blog/inceptionism-going-deeper-into-neural-networks; octaves and their
detail as in Chollet & Allaire, Deep Learning with R (Manning 2018), section 8.2.

The image is the parameter, the network is data. An update adds the rate times the gradient of a weighted sum of mean
squares of activations, divided by its mean magnitude. An octave is a stage of the run: the photograph shrunk to a size,
dreamt upon, and enlarged to the next size. What shrinking lost of the photograph is added again after each octave: the
photograph of this size, less that of the size before enlarged to it. Without an update that restores the photograph.

H, W, C    of an octave's image; values of parameters are in [-1, 1], and not held there
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Refused, State, Technique
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.terms import names, objective, terms
from jaxgen.ops.image_gradient import by_mean_magnitude, with_gradient
from jaxgen.ops.imaging import to_unit, unsigned
from jaxgen.ops.tiling import rolled_gradient, tiled_gradient
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.imagery.guided import guided

LOSS = "weighted sum of the layers' mean squares, or of what --guide makes of them, which dreaming raises"
Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, of an octave, `network` and `guide` are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (64, 96, 3)
    network: tuple[str, ...] = ("vgg19", "keras")
    guide: bool = False  # whether batches have activations of another image
    layers: str = knob("", "what is to be excited, with weights: mixed4:2,mixed5:1.5; mixed4/13 is a channel")
    learning_rate: float = knob(0.01, "pixels move by it on average, of a range of 2", above=0.0)
    max_loss: float = knob(0.0, "an octave ends where the loss is above; 0: never", lower=0.0)
    jitter: int = knob(0, "pixels of a random shift before each update", lower=0, upper=4096)
    tile: int = knob(0, "side of the parts in which a larger image is dreamt; 0: in one", lower=0, upper=2**14)


def resized(image: jax.Array, size: Size) -> jax.Array:
    """An image [H, W, C] of another size, linearly, and without aliasing where it is smaller."""
    return jax.image.resize(image, (*size, image.shape[-1]), "linear", antialias=True)


def zoomed(image: jax.Array, factor: float) -> jax.Array:
    """The middle of an image [H, W, C], enlarged to its size."""
    height, width = image.shape[:2]
    rows, columns = (max(1, round(side / factor)) for side in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return resized(image[top : top + rows, left : left + columns], (height, width))


def dreamt(state: State) -> jax.Array:
    """The octave's result [H, W, C] in [-1, 1]: the image with the detail that shrinking had lost."""
    return state.params["image"] + state.carry["detail"]


def begun(
    config: Config, optimizer: Factory, smaller: Size | None, key: jax.Array, original: jax.Array, image: jax.Array
) -> State:
    """An octave's first State.

    Args:
        config: the octave's.
        optimizer: a factory of its rate.
        smaller: H and W of the octave before; None in the first one.
        key: of the octave.
        original: the photograph in [-1, 1], whatever its size.
        image: what the octave before ended with, or the photograph.
    """
    size = config.shape[:2]
    lost = jnp.zeros(config.shape, jnp.float32)
    if smaller is not None:
        lost = resized(original, size) - resized(resized(original, smaller), size)
    carry = {"detail": lost, "original": original, "over": jnp.zeros((), bool)}
    return begin(key, {"image": resized(image, size)}, optimizer(config.learning_rate), carry)


def make(config: Config = Config(), optimizer: Factory = sgd) -> Technique:
    """The Technique. A batch has the photograph, `image` [1, H', W', C] uint8, and what all batches share: the
    variables of the network, and activations of the guide [n, F] for each layer, where there is one.

    Raises Refused for layers that the network does not have.
    """
    network, wanted = network_of(config.network), terms(config.layers, "layers")
    layers = asked(network, names(wanted))
    if config.guide and any(term.channel is not None for term in wanted):
        raise Refused(f"--guide excites whole layers; --layers={config.layers} names a channel")
    descent = optimizer(config.learning_rate)

    def excitement(batch, part):
        """The loss [] of part of an image [h, w, C]."""
        activations = network.apply(batch["network"], unsigned(part)[None], layers)
        return guided(activations, batch["guide"], wanted) if config.guide else objective(wanted)(activations)

    def loss_and_slope(batch, image, key, jitter):
        whole = jax.value_and_grad(functools.partial(excitement, batch))
        if config.tile and max(config.shape[:2]) > config.tile:
            whole = functools.partial(tiled_gradient, whole, tile=config.tile)
        return rolled_gradient(whole, image, key, jitter) if jitter else whole(image)

    def loss(params, carry, key, batch):
        value, slope = loss_and_slope(batch, params["image"], key, config.jitter)
        over = carry["over"] | (value > config.max_loss if config.max_loss else False)
        slope = jnp.where(over, 0.0, by_mean_magnitude(slope))
        return with_gradient(-value, -slope, params["image"]), ({**carry, "over": over}, {"loss": value})

    def init(key):
        state_key, image_key = jax.random.split(key)
        image = jax.random.uniform(image_key, config.shape, jnp.float32, -1.0, 1.0)
        return begun(config, optimizer, None, state_key, image, image)

    def add(state, key, tally, batch, mask):
        return loss_and_slope(batch, state.params["image"], key, 0)[0]

    def image(state, key, x=()):
        """The image [H, W, C] in [0, 1]."""
        return jnp.clip(unsigned(dreamt(state)), 0.0, 1.0)

    def example(key):
        image_key, network_key = jax.random.split(key)
        pixels = jax.random.randint(image_key, (1, *config.shape), 0, 256, jnp.int32).astype(jnp.uint8)
        batch: dict[str, Any] = {"image": pixels, "network": network.init(network_key, layers)}
        if config.guide:
            activations = network.apply(batch["network"], to_unit(pixels), layers)
            batch["guide"] = {name: a.reshape(-1, a.shape[-1]) for name, a in activations.items()}
        return batch

    evaluate = Fold(
        lambda: jnp.zeros((), jnp.float32), add, lambda tally: {"last_loss": tally}, {"last_loss": LOSS}, "higher"
    )
    shared = ("network", "guide") if config.guide else ("network",)
    step = gradient_step(loss, descent)
    return Technique(init, step, evaluate, {"image": image}, example, lambda key: {"image": ()}, shared=shared)


def tiny(optimizer=sgd):
    """A small case with a jitter, and one with a guide and tiles, for the contract tests."""
    small = Config((9, 8, 3), ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3"), layers="layer1:0.5,layer2", jitter=2)
    led = dataclasses.replace(small, guide=True, tile=6, jitter=0, max_loss=1e3)
    return {"deepdream": make(small, optimizer), "deepdream_guided": make(led, optimizer)}
