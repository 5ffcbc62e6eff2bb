"""What autoencoders share that are not variational: network, losses, corruption, penalty, evaluation, inference.

An encoder maps an image x to a code h, a decoder maps h to the means of pixels, and both are trained on how far those
are from x (Rumelhart et al. 1986, https://doi.org/10.1038/323533a0). A kind of autoencoder may add a corruption of the
encoder's input, while the target stays clean, a restriction of the code, or a penalty.
B images of a batch, D values of an image, Z units of a code.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Technique
from jaxgen.nets.hidden import widths
from jaxgen.nets.mirrored import Mirrored
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.reconstruction import RECONSTRUCTIONS, SQUARED, squared_error
from jaxgen.optim.settings import Factory


@dataclasses.dataclass(frozen=True)
class Network:
    """The knobs that all kinds have."""

    hidden: str = knob(
        "", "units of the encoder's layers before the code, as in 1000,500,250; the decoder mirrors them"
    )
    latent: int = knob(32, "units of the code", lower=1, upper=2**20)
    activation: Literal["sigmoid", "relu", "tanh", "linear"] = knob(
        "relu",
        "of the hidden layers, and of a code that is activated; the default of sparse and contractive is sigmoid",
    )
    code: Literal["activated", "linear"] = knob("activated", "whether the code has the activation")
    tied: bool = knob(False, "the decoder's kernels are the encoder's, transposed")
    loss: Literal["cross_entropy", "squared"] = knob(
        "cross_entropy", "of the reconstruction: with sigmoid outputs, in nats; or the squared error of linear outputs"
    )
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


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

    network: Network
    shape: tuple[int, int, int]  # H, W, C of an image; D = H * W * C
    restrict: Callable[[jax.Array], jax.Array] = lambda code: code  # codes [..., Z] -> codes [..., Z]
    corrupt: Callable[[jax.Array, jax.Array], jax.Array] | None = None  # key, x [..., D] -> the encoder's input
    corruption: str = ""  # what that does, for definitions
    penalty: Penalty | None = None


def functions(model: Autoencoder) -> tuple[Any, Callable, Callable]:
    """The network; (params, images [..., D]) -> codes; (params, codes [..., Z]) -> the decoder's outputs.

    Raises Refused where `hidden` is no list of widths.
    """
    network = model.network
    sizes = (math.prod(model.shape), *widths(network.hidden, "hidden"), network.latent)
    net = Mirrored(sizes, network.activation, network.code == "activated", network.tied)
    apply: Any = lambda params, x, method: net.apply({"params": params}, x, method=method)
    encode = lambda params, x: model.restrict(apply(params, x, "encode"))
    decode = lambda params, code: apply(params, code, "decode")
    return net, encode, decode


def inference(model: Autoencoder) -> dict[str, Callable]:
    """The `infer` of an autoencoder."""
    _, encode_all, decode_all = functions(model)
    mean = RECONSTRUCTIONS[model.network.loss].mean

    def encode(state, key, image):
        """One image [D] to its code [Z]."""
        del key
        return encode_all(state.params, to_unit(image))

    def decode(state, key, code):
        """One code [Z] to means of pixels [D]; those of linear outputs may leave [0, 1]."""
        del key
        return mean(decode_all(state.params, code))

    def reconstruct(state, key, image):
        """One image [D], not corrupted here, to the means of its pixels [D]."""
        return decode(state, key, encode(state, key, image))

    return {"encode": encode, "decode": decode, "reconstruct": reconstruct}


def described(model: Autoencoder) -> dict[str, str]:
    """Metric -> definition; the loss's term of the reconstruction first."""
    loss, penalty = RECONSTRUCTIONS[model.network.loss], model.penalty
    both = {loss.name: loss.definition, "squared_error": SQUARED}
    restored = {f"{name}_restored": f"{text}; encoded from {model.corruption}" for name, text in both.items()}
    corrupted = {"squared_error_corrupted": f"{SQUARED}; {model.corruption} in place of reconstructions"}
    added = {penalty.name: penalty.definition} if penalty else {}
    return {**(restored | corrupted if model.corrupt else {}), **both, **added}


def measure(model: Autoencoder) -> Callable:
    """params, key, x [B, D], whether in training -> metric -> its terms [B], those of a penalty [B, *shape].

    In training the clean images are not encoded where others are corrupted.
    """
    (_, encode, decode), loss = functions(model), RECONSTRUCTIONS[model.network.loss]

    def compared(params, seen, x, ending):
        code = encode(params, seen)
        out = decode(params, code)
        values = {loss.name: loss.compare(out, x), "squared_error": squared_error(loss.mean(out), x)}
        return code, {name + ending: value for name, value in values.items()}

    def terms(params, key, x, training):
        corruption_key, penalty_key = jax.random.split(key)
        seen, values = x, {}
        if model.corrupt:
            seen = model.corrupt(corruption_key, x)
            values = {"squared_error_corrupted": squared_error(seen, x)}
        code, first = compared(params, seen, x, "_restored" if model.corrupt else "")
        values |= first
        if model.corrupt and not training:
            values |= compared(params, x, x, "")[1]
        if penalty := model.penalty:
            values[penalty.name] = penalty.terms(params, lambda x: encode(params, x), penalty_key, seen, code)
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
    (net, _, _), terms, penalty = functions(model), measure(model), model.penalty
    pixels, descent = math.prod(model.shape), optimizer(model.network.learning_rate)
    objective = next(iter(described(model)))

    def init(key):
        state_key, net_key = jax.random.split(key)
        return begin(state_key, net.init(net_key, jnp.zeros((1, pixels), jnp.float32))["params"], descent)

    def loss(params, carry, key, batch):
        metrics = {name: each.mean(0) for name, each in terms(params, key, to_unit(batch["image"]), True).items()}
        value = metrics[objective]
        if penalty:
            metrics[penalty.name] = penalty.of_mean(metrics[penalty.name])
            value += penalty.weight * metrics[penalty.name]
        return value, (carry, {"loss": value, **metrics})

    def example(key):
        return {"image": 255 * jax.random.bernoulli(key, 0.3, (8, pixels)).astype(jnp.uint8)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image = example(image_key)["image"][0]
        code = jax.random.normal(code_key, (model.network.latent,), jnp.float32)
        return {name: code if name == "decode" else image for name in infer}

    infer = inference(model)
    return Technique(init, gradient_step(loss, descent), fold(model), infer, example, inputs)
