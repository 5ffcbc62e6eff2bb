"""Fast style transfer: a network that paints any image in one pass, in one style or in several.

Johnson et al. 2016, https://arxiv.org/abs/1603.08155; several styles by conditional instance normalisation as in
Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629.

The losses are those of `style`, of the network's outputs instead of pixels. Each image of a batch has a style of its
own; the first one's is drawn.

B          images
H, W       of a crop that is trained on; what is painted can have any size
S          styles
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Technique
from jaxgen.nets.painter import Painter
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.terms import Term, names, terms
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.imagery import painted_losses


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, of a crop, `network` and `styles`, their names, are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (128, 128, 3)
    network: tuple[str, ...] = ("vgg19", "keras")
    styles: tuple[str, ...] = ("style",)
    width: int = knob(32, "channels of the painter's first convolution; then twice, and four times as many", lower=1)
    blocks: int = knob(5, "residual blocks of the painter", lower=0, upper=100)
    content_layers: str = knob("", "whose features are kept, with weights: block3_conv3:1")
    style_layers: str = knob("", "whose statistics become those of the style, with weights: block1_conv1:1,...")
    distance: Literal["gram", "moments", "wasserstein"] = knob(
        "gram", "of statistics: Gram matrices; means and deviations of channels; Gaussians of full covariance"
    )
    variation: float = knob(0.0, "weight of the total variation", lower=0.0)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


def layers(config: Config) -> tuple[str, ...]:
    """The layers whose statistics of styles are data. Raises Refused for a text that names none."""
    return names(terms(config.style_layers, "style_layers"))


def needed(config: Config) -> tuple[str, ...]:
    """The activations that a network must have. Raises Refused, see `layers`."""
    return tuple(dict.fromkeys((*names(terms_of(config)[0]), *layers(config))))


def terms_of(config: Config) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Of the content, and of the style, with their weights. Raises Refused, see `layers`."""
    return terms(config.content_layers, "content_layers"), terms(config.style_layers, "style_layers")


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique. A batch is as in `painted_losses`.

    Raises Refused for layers that the network does not have.
    """
    network, wanted = network_of(config.network), terms_of(config)
    every, contents = asked(network, needed(config)), names(wanted[0])
    count = len(config.styles)
    painter = Painter(config.width, config.blocks, count)
    descent = optimizer(config.learning_rate)

    def init(key):
        state_key, painter_key = jax.random.split(key)
        image = jnp.zeros((1, *config.shape), jnp.float32)
        params = painter.init(painter_key, image, jnp.zeros((1, count), jnp.float32))["params"]
        return begin(state_key, params, descent)

    def paint(params, images, weights):
        return painter.apply({"params": params}, to_unit(images), weights)

    def of_painted(params, batch, number):
        """The loss [B] of images painted in the styles of those numbers [B], and its metrics."""
        painted = paint(params, batch["image"], jax.nn.one_hot(number, count, dtype=jnp.float32))
        features = network.apply(batch["network"], painted, every)
        kept = network.apply(batch["network"], to_unit(batch["image"]), contents)
        targets = painted_losses.chosen(batch["style"], number)
        return painted_losses.losses(features, painted, kept, targets, wanted, config.distance, config.variation)

    def loss(params, carry, key, batch):
        number = painted_losses.dealt(key, len(batch["image"]), count)
        values, metrics = of_painted(params, batch, number)
        value = values.mean()
        return value, (carry, {"loss": value, **{name: metrics[name].mean() for name in ("content", "style")}})

    def measured(state, key, batch):
        """Metrics [B], each the mean over all styles."""
        photographs = network.apply(batch["network"], to_unit(batch["image"]), names(wanted[1]))

        def in_style(number):
            numbers = jnp.broadcast_to(number, len(batch["image"]))
            values, metrics = of_painted(state.params, batch, numbers)
            targets = painted_losses.chosen(batch["style"], numbers)
            before = painted_losses.style_loss(photographs, targets, wanted[1], config.distance)
            return {"loss": values, **metrics, "style_share": metrics["style"] / before}

        each = jax.lax.map(in_style, jnp.arange(count, dtype=jnp.int32))
        return jax.tree.map(lambda leaf: leaf.mean(0), each)

    def stylize(state, key, x):
        """An image, x["image"] [H, W, 3] uint8 or in [0, 1], painted in styles of weights x["weights"] [S]."""
        return paint(state.params, x["image"][None], x["weights"][None])[0]

    def example(key):
        return painted_losses.example_batch(key, config.shape, count, network, every)

    def inputs(key):
        image = jax.random.uniform(key, config.shape, jnp.float32)
        return {"stylize": {"image": image, "weights": jnp.full(count, 1 / count, jnp.float32)}}

    evaluate = painted_losses.evaluation(measured, wanted, "mean over photographs and styles")
    step = gradient_step(loss, descent)
    return Technique(init, step, evaluate, {"stylize": stylize}, example, inputs, shared=("network", "style"))


def tiny(optimizer=adam):
    """One style, and two with other statistics, for the contract tests; sizes that 4 does not divide."""
    network = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
    small = Config((9, 8, 3), network, ("one",), 2, 1, "layer2", "layer1:0.5,layer2", "gram", 1e-3, 1e-2)
    two = dataclasses.replace(small, shape=(12, 13, 3), styles=("one", "other"), distance="moments")
    return {"fast_style": make(small, optimizer), "fast_style_two": make(two, optimizer)}
