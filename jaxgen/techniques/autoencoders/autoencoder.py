"""What autoencoders share that are not variational: losses, corruption, penalty, evaluation, inference.

An encoder maps an image x to a code h, a decoder maps h to the means of pixels, and both are trained on how far those
are from x (Rumelhart et al. 1986, https://doi.org/10.1038/323533a0). A kind of autoencoder may add a corruption of the
encoder's input, while the target stays clean, a restriction of the code, or a penalty.
B images of a batch, D values of an image, Z units of a code.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Technique
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.reconstruction import RECONSTRUCTIONS, SQUARED, squared_error
from jaxgen.optim.settings import Factory
from jaxgen.techniques.autoencoders.coding import Coders, Common


class Penalty(NamedTuple):
    """A term of the loss that is a function of a mean over images."""

    name: str  # of the metric
    definition: str
    weight: float
    # params, encode (x [B, D] -> [B, Z]), key, x, code [B, Z] -> [B, *shape]
    terms: Callable[[Any, Callable[[jax.Array], jax.Array], jax.Array, jax.Array, jax.Array], jax.Array]
    of_mean: Callable[[jax.Array], jax.Array] = lambda mean: mean  # the terms' mean over images [*shape] -> []
    shape: tuple[int, ...] = ()


class Autoencoder(NamedTuple):
    """A kind of autoencoder, for the functions below."""

    network: Common
    coders: Coders
    shape: tuple[int, int, int]  # H, W, C of an image; D = H * W * C
    switches: bool = False  # whether the decoder is given more than the code, the places of maxima
    restrict: Callable[[jax.Array], jax.Array] = lambda code: code  # codes [..., Z] -> codes [..., Z]
    corrupt: Callable[[jax.Array, jax.Array], jax.Array] | None = None  # key, x [..., D] -> the encoder's input
    corruption: str = ""  # what that does, for definitions
    penalty: Penalty | None = None


def encoder(model: Autoencoder) -> Callable[[Any, jax.Array], tuple[jax.Array, Any]]:
    """(params, images [..., D]) -> codes [..., Z], restricted, and what the decoder is given beside them."""

    def encode(params, x):
        code, beside = model.coders.encode(params, x)
        return model.restrict(code), beside

    return encode


def inference(model: Autoencoder) -> dict[str, Callable]:
    """The `infer` of an autoencoder."""
    encode_all, decode_all = encoder(model), model.coders.decode
    mean = RECONSTRUCTIONS[model.network.loss].mean

    def encode(state, key, image):
        """One image [D] to its code [Z]."""
        del key
        return encode_all(state.params, to_unit(image))[0]

    def decode(state, key, code):
        """One code [Z], without switches, to means of pixels [D]; those of linear outputs may leave [0, 1]."""
        del key
        return mean(decode_all(state.params, code, None))

    def reconstruct(state, key, image):
        """One image [D], not corrupted here, to the means of its pixels [D]; with its switches, if there are any."""
        del key
        return mean(decode_all(state.params, *encode_all(state.params, to_unit(image))))

    def reconstruct_without_switches(state, key, image):
        """One image [D] to what its code alone is decoded to [D]."""
        return decode(state, key, encode(state, key, image))

    alone = {"reconstruct_without_switches": reconstruct_without_switches} if model.switches else {}
    return {"encode": encode, "decode": decode, "reconstruct": reconstruct, **alone}


def described(model: Autoencoder) -> dict[str, str]:
    """Metric -> definition; the loss's term of the reconstruction first."""
    loss, penalty = RECONSTRUCTIONS[model.network.loss], model.penalty
    both = {loss.name: loss.definition, "squared_error": SQUARED}
    restored = {f"{name}_restored": f"{text}; encoded from {model.corruption}" for name, text in both.items()}
    corrupted = {"squared_error_corrupted": f"{SQUARED}; {model.corruption} in place of reconstructions"}
    alone = {f"{name}_without_switches": f"{text}; decoded from the code alone" for name, text in both.items()}
    added = {penalty.name: penalty.definition} if penalty else {}
    return {**(restored | corrupted if model.corrupt else {}), **both, **(alone if model.switches else {}), **added}


def measure(model: Autoencoder) -> Callable:
    """params, key, x [B, D], whether in training -> metric -> its terms [B], those of a penalty [B, *shape].

    In training the clean images are not encoded where others are corrupted, and none is decoded without its switches.
    """
    encode, decode, loss = encoder(model), model.coders.decode, RECONSTRUCTIONS[model.network.loss]

    def compared(params, code, beside, x, ending):
        out = decode(params, code, beside)
        values = {loss.name: loss.compare(out, x), "squared_error": squared_error(loss.mean(out), x)}
        return {name + ending: value for name, value in values.items()}

    def terms(params, key, x, training):
        corruption_key, penalty_key = jax.random.split(key)
        seen, values = x, {}
        if model.corrupt:
            seen = model.corrupt(corruption_key, x)
            values = {"squared_error_corrupted": squared_error(seen, x)}
        code, beside = encode(params, seen)
        values |= compared(params, code, beside, x, "_restored" if model.corrupt else "")
        if penalty := model.penalty:
            values[penalty.name] = penalty.terms(params, lambda x: encode(params, x)[0], penalty_key, seen, code)
        if model.corrupt and not training:
            code, beside = encode(params, x)
            values |= compared(params, code, beside, x, "")
        if model.switches and not training:
            values |= compared(params, code, None, x, "_without_switches")
        return values

    return terms


def fold(model: Autoencoder) -> Fold:
    """The evaluation: means over images, and what the penalty is of them."""
    terms, definitions, penalty = measure(model), described(model), model.penalty
    shapes = {name: penalty.shape if penalty and name == penalty.name else () for name in definitions}

    def start():
        sums = {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}
        return {"count": jnp.zeros((), jnp.float32), "sums": sums}

    def add(state, key, tally, batch, mask):
        values = terms(state.params, key, to_unit(batch["image"]), False)
        real = lambda value: jnp.where(mask.reshape(-1, *[1] * (value.ndim - 1)), value, 0.0)
        sums = {name: tally["sums"][name] + real(value).sum(0) for name, value in values.items()}
        return {"count": tally["count"] + mask.sum(dtype=jnp.float32), "sums": sums}

    def finish(tally):
        means = {name: tally["sums"][name] / tally["count"] for name in definitions}
        return means | {penalty.name: penalty.of_mean(means[penalty.name])} if penalty else means

    return Fold(start, add, finish, definitions)


def technique(model: Autoencoder, optimizer: Factory) -> Technique:
    """The autoencoder as a Technique.

    A batch is {"image": [B, D] uint8, or float32 in [0, 1]}; other entries are ignored.
    """
    terms, penalty = measure(model), model.penalty
    pixels, descent = math.prod(model.shape), optimizer(model.network.learning_rate)
    objective = next(iter(described(model)))

    def init(key):
        state_key, net_key = jax.random.split(key)
        return begin(state_key, model.coders.init(net_key), descent)

    def loss(params, carry, key, batch):
        metrics = {name: each.mean(0) for name, each in terms(params, key, to_unit(batch["image"]), True).items()}
        value = metrics[objective]
        if penalty:
            metrics[penalty.name] = penalty.of_mean(metrics[penalty.name])
            value += penalty.weight * metrics[penalty.name]
        return value, (carry, {"loss": value, **metrics})

    def example(key):
        return {"image": speckled(key, 8, pixels)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image = example(image_key)["image"][0]
        code = jax.random.normal(code_key, (model.network.latent,), jnp.float32)
        return {name: code if name == "decode" else image for name in infer}

    infer = inference(model)
    return Technique(init, gradient_step(loss, descent), fold(model), infer, example, inputs)
