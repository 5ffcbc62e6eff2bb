"""Feature visualisation: images that excite a class, a channel, a neuron or a layer of a fixed network.

Erhan et al. 2009, https://www.iro.umontreal.ca/~lisa/publications2/index.php/publications/show/247; parameterisation by
Fourier coefficients and random views as in Olah et al. 2017, https://distill.pub/2017/feature-visualization.

Several images are found at once, each for a channel or class of its own, from noise and by any optimiser. What is
climbed is seen in random views of an image, moved, turned, enlarged and noisy, and pays for what an image should not
have: differences between neighbours, brightness. Without that, a pattern is found that nothing but this network sees.
Of a class it is the log-probability, which climbs no further where the network is sure.

B          images
H, W, C    of each
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Refused, Technique
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.ops import fourier_image, objectives, pixel_image
from jaxgen.ops.redirected_relu import redirected_relu
from jaxgen.ops.transformations import Transformation, affine, compose, jitter, pad, roll, standard
from jaxgen.ops.variation import absolute_variation
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam

NOISE = 0.01  # standard deviation of the parameters at first
DARK = -2.0  # their mean, where images have no colours: letters are white on black
OBJECTIVES = {
    "class": "the log-probability of its class",
    "channel": "the mean of its channel",
    "neuron": "the middle of its channel",
    "layer": "the mean square of the layer",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `network` and `count`, of images, are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (64, 64, 3)
    network: tuple[str, ...] = ("squeezenet", "keras")
    count: int = 1
    what: Literal["class", "channel", "neuron", "layer"] = knob("class", "what is to be excited")
    layer: str = knob("", "the network's layer; of classes, that of the logits")
    parameters: Literal["pixels", "fourier"] = knob("pixels", "what an image is made from")
    views: Literal["none", "jitter", "affine", "standard"] = knob(
        "affine",
        "random views of an image: shifted; shifted, turned and enlarged in its own size; the same, padded, as lucid's",
    )
    noise: float = knob(1.0, "standard deviation of noise in views", lower=0.0, upper=9.0)
    variation: float = knob(1.0, "weight of the differences between neighbouring pixels, mean over pixels", lower=0.0)
    brightness: float = knob(1.0, "weight of the pixels' mean", lower=0.0)
    diversity: float = knob(
        0.0, "weight of how different the images' styles are, for one channel's many faces", lower=0.0
    )
    learning_rate: float = knob(0.05, "of the optimiser", above=0.0)


def viewing(config: Config) -> Transformation:
    """(key, image [H, W, C]) -> a view of it. Beyond the border it is grey; of images without colours it is black."""
    beyond = 0.5 if config.shape[2] == 3 else 0.0
    kinds: dict[str, Any] = {
        "none": compose(),
        "jitter": compose(pad(4, beyond), jitter(8)),
        "affine": compose(roll(2), affine((0.9, 1.1), 10.0, beyond)),
        "standard": standard(),
    }
    noisy = lambda key, image: image + config.noise * jax.random.normal(key, image.shape, image.dtype)
    return compose(kinds[config.views], noisy) if config.noise else kinds[config.views]


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique. A batch has `target` [B] int32, the class or channel of each image, and the variables of the
    network, which all batches share, as `network`.

    Raises Refused for a layer that the network does not have.
    """
    network = network_of(config.network)
    layers = asked(network, (config.layer,))
    height, width, channels = config.shape
    descent, view = optimizer(config.learning_rate), viewing(config)
    shape = config.shape if config.parameters == "pixels" else fourier_image.spectrum_shape(height, width, channels)

    def images_of(params):
        """Images [B, H, W, C] in [0, 1]."""
        if config.parameters == "pixels":
            return pixel_image.to_image(params["pixels"])
        return fourier_image.to_image(params["fourier"], width)

    def activations(batch, images):
        return network.apply(batch["network"], images, layers, relu=redirected_relu)[config.layer]

    def price(images):
        """What each image pays [B]."""
        differences = jax.vmap(absolute_variation)(images) / (height * width)
        return config.variation * differences + config.brightness * images.mean((1, 2, 3))

    def excitement(batch, images):
        """What each image is optimised for [B], and the layer's activations."""
        activation = activations(batch, images)
        each = jax.vmap(lambda a, target: goal(config, {config.layer: a[None]}, target))
        return each(activation, batch["target"]), activation

    def loss(params, carry, key, batch):
        images = images_of(params)
        keys = jax.random.split(key, len(images))
        values, activation = excitement(batch, jax.vmap(view)(keys, images))
        metrics = {"objective": values.mean()}
        value = (price(images) - values).sum()
        if config.diversity:
            spread = objectives.diversity(config.layer)({config.layer: activation})
            value, metrics["diversity"] = value - config.diversity * spread * len(images), spread
        return value, (carry, metrics)

    def init(key):
        state_key, noise_key = jax.random.split(key)
        start = DARK if channels == 1 and config.parameters == "pixels" else 0.0
        noise = start + NOISE * jax.random.normal(noise_key, (config.count, *shape), jnp.float32)
        return begin(state_key, {config.parameters: noise}, descent)

    def measured(state, batch):
        """What is told of each image [B]: the probability of its class, or the objective."""
        values, activation = excitement(batch, images_of(state.params))
        if config.what != "class":
            return values
        return jnp.take_along_axis(jax.nn.softmax(activation), batch["target"][:, None], 1)[:, 0]

    def add(state, key, tally, batch, mask):
        return jnp.where(mask, measured(state, batch), tally)

    def image(state, key, x):
        """The image [H, W, C] in [0, 1] of number x []."""
        return images_of(jax.tree.map(lambda leaf: leaf[x][None], state.params))[0]

    def example(key):
        batch = {"target": jnp.zeros(config.count, jnp.int32)}
        return {**batch, "network": network.init(key, layers)}

    name = "probability" if config.what == "class" else "objective"
    meaning = "of its class" if config.what == "class" else OBJECTIVES[config.what]
    definitions = {name: f"mean over images, without random views: {meaning}"}
    start, finish = lambda: jnp.full(config.count, jnp.nan, jnp.float32), lambda tally: {name: jnp.nanmean(tally)}
    evaluate = Fold(start, add, finish, definitions, "higher")
    infer = {"image": image}
    inputs = lambda key: {"image": jnp.zeros((), jnp.int32)}
    return Technique(init, gradient_step(loss, descent), evaluate, infer, example, inputs, shared=("network",))


def goal(config: Config, activations: dict[str, jax.Array], target: jax.Array) -> jax.Array:
    """The objective [] of one image. Raises Refused for a neuron or channel of a layer without positions."""
    kinds = {"class": objectives.logit, "channel": objectives.channel, "neuron": objectives.neuron}
    if config.what == "layer":
        return objectives.layer(config.layer)(activations)
    if config.what == "class":
        activations = {config.layer: jax.nn.log_softmax(activations[config.layer])}
    try:
        return kinds[config.what](config.layer, target)(activations)
    except ValueError as error:
        raise Refused(f"--what={config.what} --layer={config.layer}: {error}") from error


def tiny(optimizer=adam):
    """A class in pixels and two channels in Fourier coefficients, for the contract tests."""
    classifier = ("cnn", "8x8x1", "3,4", "5", "gelu", "", "3")
    small = Config((8, 8, 1), classifier, 2, layer="output", noise=0.1, variation=0.01, brightness=0.0)
    colour = ("cnn", "9x8x3", "3,4", "", "gelu", "", "3")
    channels = Config((9, 8, 3), colour, 2, "channel", "layer2", "fourier", "jitter", 0.0, 0.0, 0.0, diversity=0.1)
    return {"visualize": make(small, optimizer), "visualize_channels": make(channels, optimizer)}
