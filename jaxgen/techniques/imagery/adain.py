"""Adaptive instance normalisation: any style in one pass, by the moments of its features.

Huang & Belongie 2017, https://arxiv.org/abs/1703.06868. The encoder is a fixed network up to a layer, and data. The
content's features are given the style's mean and deviation, channel by channel, and a decoder, which is trained, makes
an image of them. It is trained to keep those features (content), and on the statistics of several layers (style).

B          images
H, W       of a crop that is trained on; what is painted can have any size
h, w, C    of the encoder's layer
S          styles that are trained on
"""

import dataclasses
import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Technique
from jaxgen.nets.painter import ReflectedConv, ResizeConv
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.terms import Term, names, terms
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.instance import EPSILON, Moments, adain, moments
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.imagery import painted_losses, style_losses

NARROWEST = 32  # channels of the decoder's last layers, unless the encoder has fewer


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, of a crop, `network` and `styles`, names of those trained on, are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (128, 128, 3)
    network: tuple[str, ...] = ("vgg19", "keras")
    styles: tuple[str, ...] = ("style",)
    layer: str = knob("", "the encoder's last one, whose features are decoded; the paper's is block4_conv1")
    style_layers: str = knob("", "whose statistics become those of the style, with weights: block1_conv1:1,...")
    style_weight: float = knob(10.0, "of the style loss; the content's is 1", lower=0.0)
    distance: Literal["gram", "moments", "wasserstein"] = knob(
        "moments", "of statistics: Gram matrices; means and deviations of channels; Gaussians of full covariance"
    )
    variation: float = knob(0.0, "weight of the total variation", lower=0.0)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


class Decoder(nn.Module):
    """Features to images: two convolutions in each size, the second of which halves the channels and then enlarges."""

    halvings: int  # how often the encoder has halved its image

    @nn.compact
    def __call__(self, x: jax.Array, size: tuple[int, int]) -> jax.Array:
        """Features [B, h, w, C] to images [B, *size, 3] in [0, 1]."""
        for number in range(self.halvings):
            features = max(x.shape[-1] // 2, min(NARROWEST, x.shape[-1]))
            x = nn.relu(ReflectedConv(x.shape[-1], name=f"conv{number + 1}")(x))
            x = nn.relu(ResizeConv(features, name=f"larger{number + 1}")(x))
        x = nn.relu(ReflectedConv(x.shape[-1], name="conv")(x))
        if x.shape[1:3] != size:  # an encoder's convolutions without padding, and odd sizes, lose pixels
            x = jax.image.resize(x, (len(x), *size, x.shape[-1]), "linear")
        return nn.sigmoid(ReflectedConv(3, name="last")(x))


def layers(config: Config) -> tuple[str, ...]:
    """The layers whose statistics of styles are data, the encoder's first. Raises Refused for texts that name none."""
    encoded = names(terms(config.layer, "layer"))[:1]
    return tuple(dict.fromkeys((*encoded, *names(terms(config.style_layers, "style_layers")))))


needed = layers  # the activations that a network must have


def terms_of(config: Config) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Of the content, and of the style, with their weights. Raises Refused, see `layers`."""
    of_style = terms(config.style_layers, "style_layers")
    weighted = tuple(term._replace(weight=term.weight * config.style_weight) for term in of_style)
    return (Term(config.layer, None, 1.0),), weighted


def of_statistics(statistics: style_losses.Statistics) -> Moments:
    """The moments that `adain` needs, of means and mean products."""
    variance = jnp.diagonal(statistics.second, axis1=-2, axis2=-1) - jnp.square(statistics.mean)
    return Moments(statistics.mean, jnp.sqrt(jnp.maximum(variance, 0.0) + EPSILON))


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique. A batch is as in `painted_losses`, its `style` of the encoder's layer too.

    Raises Refused for layers that the network does not have.
    """
    network, wanted = network_of(config.network), terms_of(config)
    every, styles = asked(network, layers(config)), len(config.styles)
    descent = optimizer(config.learning_rate)

    def encode(variables, images):
        return network.apply(variables, to_unit(images), (config.layer,))[config.layer]

    def shape_of(images):
        """Of the layer's features of images [B, H, W, 3], without any computation."""
        like = jax.eval_shape(lambda key: network.init(key, every), jax.random.key(0))
        return jax.eval_shape(encode, like, jax.ShapeDtypeStruct(images, jnp.float32)).shape

    features = shape_of((1, *config.shape))
    decoder = Decoder(round(math.log2(config.shape[0] / features[1])))

    def decode(params, x, size):
        # Features of a fixed network may be in the hundreds; initialisers expect a mean square of 1.
        square = jnp.square(x).mean((1, 2, 3), keepdims=True)
        return decoder.apply({"params": params}, x * jax.lax.rsqrt(square + EPSILON), size)

    def init(key):
        state_key, decoder_key = jax.random.split(key)
        params = decoder.init(decoder_key, jnp.zeros(features, jnp.float32), config.shape[:2])["params"]
        return begin(state_key, params, descent)

    def of_painted(params, batch, number):
        targets = painted_losses.chosen(batch["style"], number)
        target = adain(encode(batch["network"], batch["image"]), of_statistics(targets[config.layer]))
        painted = decode(params, target, batch["image"].shape[1:3])
        seen = network.apply(batch["network"], painted, every)
        kept = {config.layer: target}
        return painted_losses.losses(seen, painted, kept, targets, wanted, config.distance, config.variation)

    def loss(params, carry, key, batch):
        number = jax.random.randint(key, (len(batch["image"]),), 0, styles, jnp.int32)
        values, metrics = of_painted(params, batch, number)
        value = values.mean()
        return value, (carry, {"loss": value, **{name: metrics[name].mean() for name in ("content", "style")}})

    def measured(state, key, batch):
        number = jax.random.randint(key, (len(batch["image"]),), 0, styles, jnp.int32)
        values, metrics = of_painted(state.params, batch, number)
        photographs = network.apply(batch["network"], to_unit(batch["image"]), names(wanted[1]))
        targets = painted_losses.chosen(batch["style"], number)
        before = painted_losses.style_loss(photographs, targets, wanted[1], config.distance)
        return {"loss": values, **metrics, "style_share": metrics["style"] / before}

    def stylize(state, key, x):
        """An image, x["image"] [H, W, 3], painted in the style of x["style"] [H', W', 3], both uint8 or in [0, 1].

        x["strength"] [] is 0 for none of the style, 1 for all; x["network"] has the encoder's variables.
        """
        content, style = (encode(x["network"], x[name][None]) for name in ("image", "style"))
        mixed = adain(content, moments(style), x["strength"][None])
        return decode(state.params, mixed, x["image"].shape[:2])[0]

    def example(key):
        return painted_losses.example_batch(key, config.shape, styles, network, every)

    def inputs(key):
        image_key, style_key, network_key = jax.random.split(key, 3)
        draw = lambda key: jax.random.uniform(key, config.shape, jnp.float32)
        images = {"image": draw(image_key), "style": draw(style_key), "strength": jnp.asarray(0.7, jnp.float32)}
        return {"stylize": {**images, "network": network.init(network_key, every)}}

    evaluate = painted_losses.evaluation(measured, wanted, "mean over photographs, each in a style drawn of those")
    step = gradient_step(loss, descent)
    return Technique(init, step, evaluate, {"stylize": stylize}, example, inputs, shared=("network", "style"))


def tiny(optimizer=adam):
    """A small case for the contract tests, of a size that its encoder does not halve exactly."""
    network = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
    style = ("one", "other", "third")
    small = Config((11, 8, 3), network, style, "layer2", "layer1:0.5,layer2", 2.0, "moments", 1e-3, 1e-2)
    return {"adain": make(small, optimizer)}
