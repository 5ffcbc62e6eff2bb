"""A classifier on the layers of a stack: their codes, then a softmax layer.

Fine-tuned as a whole (Bengio et al. 2007), or with the layers frozen: then it is softmax regression on their codes.
B images of a batch, D values of an image, Z units of the last layer's code, C classes.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.folds import classified
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.mirrored import Affine
from jaxgen.ops.classification import cross_entropy, hard_label
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.optim.settings import Factory
from jaxgen.techniques.autoencoders.coding import Network, dense


class Rules(NamedTuple):
    """How the classifier is fine-tuned."""

    freeze: bool = False  # only the output layer learns
    smoothing: float = 0.0  # epsilon of `cross_entropy`, in training alone
    noise: float = 0.0  # standard deviation of Gaussian noise on the images, in training alone


def frozen(names: Iterable[str], freeze: bool) -> list[str]:
    """The names of a classifier's params that do not learn: with `freeze`, all layers but the output."""
    return [name for name in names if name != "output"] if freeze else []


def technique(
    network: Network, shape: tuple[int, int, int], labels: Sequence[str], rules: Rules, optimizer: Factory
) -> Technique:
    """The classifier as a Technique. Params: encoder_0, encoder_1, ... and output, each with `kernel` and `bias`.

    A batch is {"image": [B, D] uint8 or float32 in [0, 1], "label": [B] class numbers, or [B, C] distributions}.
    Raises Refused where there are fewer than two classes.
    """
    pixels, classes = math.prod(shape), len(labels)
    if classes < 2:
        raise Refused(f"--top=classifier needs a set of at least two classes; this one has {classes}")
    coders, output = dense(network, shape), Affine(network.latent, classes, "linear")
    descent = optimizer(network.learning_rate)

    def init(key):
        state_key, layers_key, output_key = jax.random.split(key, 3)
        params = {name: p for name, p in coders.init(layers_key).items() if name.startswith("encoder")}
        params["output"] = output.init(output_key, jnp.zeros((1, network.latent), jnp.float32))["params"]
        return begin(state_key, params, descent, (), frozen(params, rules.freeze))

    def code_of(params, image):
        return coders.encode(params, to_unit(image))[0]

    def logits_of(params, image):
        return output.apply({"params": params["output"]}, code_of(params, image))

    def loss(params, carry, key, batch):
        x = to_unit(batch["image"])
        if rules.noise:
            x = x + rules.noise * jax.random.normal(key, x.shape, jnp.float32)
        logits = logits_of(params, x)
        value = cross_entropy(logits, batch["label"], rules.smoothing).mean()
        right = logits.argmax(-1) == hard_label(batch["label"])
        return value, (carry, {"loss": value, "accuracy": right.mean()})

    def step(state, batch):
        return gradient_step(loss, descent, frozen(state.params, rules.freeze))(state, batch)

    def encode(state, key, image):
        """One image [D] to its code [Z] in the last layer."""
        del key
        return code_of(state.params, image)

    def predict(state, key, image):
        """One image [D] to the probabilities [C] of its classes."""
        del key
        return jax.nn.softmax(logits_of(state.params, image))

    def example(key):
        image_key, label_key = jax.random.split(key)
        image = speckled(image_key, 8, pixels)
        return {"image": image, "label": jax.random.randint(label_key, (8,), 0, classes, jnp.int32)}

    def inputs(key):
        image = example(key)["image"][0]
        return {"encode": image, "predict": image}

    evaluate = classified(lambda state, batch: logits_of(state.params, batch["image"]), labels)
    return Technique(init, step, evaluate, {"encode": encode, "predict": predict}, example, inputs)
