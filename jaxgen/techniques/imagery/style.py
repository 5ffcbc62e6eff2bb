"""Style transfer: an image changed until it has the content of one image and the style of others.

Gatys et al. 2016, https://doi.org/10.1109/CVPR.2016.265; weights, total variation and start as in Chollet & Allaire,
Deep Learning with R (Manning 2018), section 8.3. Ustyuzhaninov et al. 2016, https://arxiv.org/abs/1606.00021, for
networks with random weights.

The image is the parameter; the network, the content's activations and the styles' statistics are data. A scale is a
stage of the run, which begins with the image of the scale before, enlarged. The image that is shown is that of the
least loss so far: what an optimiser tries need not be better; or an average of all, see `average`.

H, W    of a scale's image; parameters are RGB in [0, 1], and not held there        S    styles
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, State, Technique
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.terms import names, terms
from jaxgen.ops.averages import decayed, ramped
from jaxgen.optim.lbfgs import lbfgs
from jaxgen.optim.settings import Factory
from jaxgen.techniques.imagery import style_losses
from jaxgen.techniques.imagery.style_objective import definitions, losses, metric_names

LEAST = float(jnp.finfo(jnp.float32).max)


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, of a scale, `network`, `shares` and `masked` are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (64, 96, 3)
    network: tuple[str, ...] = ("vgg19", "keras")
    shares: tuple[float, ...] = (1.0,)  # of the styles in the style loss; they add up to 1
    masked: bool = False  # whether each style has a region of the image
    content_layers: str = knob("", "whose features are kept, with weights: block5_conv2:0.025")
    style_layers: str = knob("", "whose statistics become those of the style, with weights: block1_conv1:1,...")
    distance: Literal["gram", "moments", "wasserstein"] = knob(
        "gram", "of statistics: Gram matrices; means and deviations of channels; Gaussians of full covariance"
    )
    normalisation: Literal["relative", "means", "book"] = knob(
        "relative",
        "losses of a layer divided by those of features that are 0; or means over positions; or as in the book: sums, "
        "Gram matrices over the image's pixels",
    )
    variation: float = knob(0.0, "weight of the total variation", lower=0.0)
    learning_rate: float = knob(1.0, "of the optimiser; of lbfgs, the first trial of a line search", above=0.0)
    tile: int = knob(0, "side of the parts in which a larger image is computed; 0: in one", lower=0, upper=2**14)
    average: float = knob(0.0, "decay of the average of images that is shown; 0: the best one", lower=0.0, upper=0.9999)
    pool: Literal["max", "mean"] = knob("max", "what the network's pooling computes; mean as Gatys et al. do")


def resized(image: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """An image [H, W, C] of another height and width."""
    return jax.image.resize(image, shape, "cubic", antialias=True)


def begun(config: Config, optimizer: Factory, key: jax.Array, image: jax.Array) -> State:
    """A scale's first State: from an image [H', W', 3] in [0, 1] of whatever size."""
    image = jnp.clip(resized(image, config.shape), 0.0, 1.0) if image.shape != config.shape else image
    carry = {"shown": image, "least": jnp.asarray(LEAST, jnp.float32), "count": jnp.zeros((), jnp.int32)}
    return begin(key, {"image": image}, optimizer(config.learning_rate), carry)


def showing(state: State, image: jax.Array) -> State:
    """The State if it showed this image, for measuring it."""
    return state._replace(carry={**state.carry, "shown": image})


def make(config: Config = Config(), optimizer: Factory = lbfgs) -> Technique:
    """The Technique. A batch has the content image, `image` [1, H', W', 3] uint8, and what all batches share, see
    `losses`.

    Raises Refused for layers that the network does not have.
    """
    network = network_of(config.network)
    styles = names(terms(config.style_layers, "style_layers"))
    contents = names(terms(config.content_layers, "content_layers"))
    wanted = asked(network, (*contents, *styles))

    def loss(params, carry, key, batch):
        image = params["image"]
        value, metrics = losses(config, batch, image)
        count, here = carry["count"] + 1, jax.lax.stop_gradient(image)
        better = value < carry["least"]
        if config.average:
            shown = decayed(carry["shown"], here, ramped(config.average, carry["count"].astype(jnp.float32)))
        else:
            shown = jnp.where(better, here, carry["shown"])
        least = jax.lax.stop_gradient(jnp.where(better, value, carry["least"]))
        return value, ({"shown": shown, "least": least, "count": count}, {"loss": value, **metrics})

    def init(key):
        state_key, image_key = jax.random.split(key)
        return begun(config, optimizer, state_key, jax.random.uniform(image_key, config.shape, jnp.float32))

    def add(state, key, tally, batch, mask):
        value, metrics = losses(config, batch, state.carry["shown"])
        return {"loss": value, **metrics}

    def image(state, key, x=()):
        """The image [H, W, 3] in [0, 1]."""
        return jnp.clip(state.carry["shown"], 0.0, 1.0)

    def example(key):
        image_key, style_key, network_key = jax.random.split(key, 3)
        pixels = lambda key: jax.random.uniform(key, config.shape, jnp.float32)
        variables, content = network.init(network_key, wanted), pixels(image_key)
        others = [pixels(each) for each in jax.random.split(style_key, len(config.shares))]
        features = network.apply(variables, content[None], wanted)
        targets = [network.apply(variables, other[None], styles) for other in others]
        batch: dict[str, Any] = {"image": (255 * content[None]).astype(jnp.uint8), "network": variables}
        batch["content"] = {name: features[name][0] for name in contents}
        every = [style_losses.style_targets({n: a[0] for n, a in each.items()}, styles) for each in targets]
        batch["style"] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *every)
        if config.masked:
            ones = {name: jnp.ones(features[name].shape[1:3], jnp.float32) for name in styles}
            halves = {name: one.at[: len(one) // 2].set(0.0) for name, one in ones.items()}
            batch["regions"] = {name: jnp.stack([half, ones[name] - half]) for name, half in halves.items()}
        return batch

    start = lambda: dict.fromkeys(metric_names(config), jnp.zeros((), jnp.float32))
    finish = lambda tally: {f"last_{name}": value for name, value in tally.items()}
    about = {f"last_{name}": text for name, text in definitions(config).items()}
    evaluate = Fold(start, add, finish, about, "lower")
    shared = ("network", "content", "style", *["regions"] * config.masked)
    step = gradient_step(loss, optimizer(config.learning_rate))
    return Technique(init, step, evaluate, {"image": image}, example, lambda key: {"image": ()}, shared=shared)


def tiny(optimizer=lbfgs):
    """A small case, and one of two styles with masks, tiles, an average and other statistics, for the contract."""
    network = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
    small = Config((9, 8, 3), network, content_layers="layer2", style_layers="layer1:0.5,layer2", variation=1e-3)
    # One layer: second derivatives of pooling in a loop are NaN where XLA does not optimise, as in tests (jax 0.10.2).
    large = dataclasses.replace(small, shape=(24, 18, 3), content_layers="layer1", style_layers="layer1", tile=20)
    masked = dataclasses.replace(large, shares=(0.25, 0.75), masked=True, distance="moments", average=0.5)
    return {"style": make(small, optimizer), "style_masked": make(masked, optimizer)}
