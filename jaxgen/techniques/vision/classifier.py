"""What classifiers of images share: loss, augmentation, frozen layers, statistics of layers, evaluation.

A classifier is softmax regression on the activations of hidden layers, trained on the cross-entropy. Whether signals
survive many layers depends on the initial kernels (Glorot & Bengio 2010,
https://proceedings.mlr.press/v9/glorot10a.html; He et al. 2015, https://arxiv.org/abs/1502.01852) and on batch
normalisation (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167). Layers are called layer1, layer2, ... and
output. A frozen layer is used as at evaluation: running statistics, no dropout, `stop_gradient` around its parameters,
no update. B examples, D values of an image, C classes, L layers, the output included.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob, nested
from jaxgen.core.folds import classified
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Refused, Technique
from jaxgen.ops.augment import Ranges, augment
from jaxgen.ops.classification import cross_entropy, hard_label
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.optim.settings import Factory


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far training images are changed at most, as `ops.augment.Ranges`."""

    shift: float = knob(0.0, "pixels that training images are shifted by, at most, each way", lower=0.0, upper=4096)
    rotate: float = knob(0.0, "degrees that they are rotated by, at most, each way", lower=0.0, upper=180.0)
    zoom: float = knob(0.0, "0.1: enlarged or made smaller by up to a tenth", lower=0.0, upper=9.0)
    flip: bool = knob(False, "half of them left to right")
    cutout: int = knob(0, "side in pixels of a square that is blacked out in each", lower=0, upper=4096)
    noise: float = knob(0.0, "standard deviation of the noise that is added to them", lower=0.0, upper=9.0)


@dataclasses.dataclass(frozen=True)
class Training:
    """The knobs that all networks have."""

    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "rrelu", "prelu", "elu", "selu", "gelu"] = knob(
        "relu", "of the hidden layers"
    )
    initializer: Literal[
        "xavier_uniform",
        "xavier_normal",
        "he_uniform",
        "he_normal",
        "lecun_normal",
        "lecture_uniform",
        "lecture_normal",
        "truncated",
    ] = knob("he_uniform", "of the kernels; lecture_* depend on the activation")
    batch_norm: bool = knob(False, "normalise over the batch before each activation")
    dropout: float = knob(
        0.0, "share of units dropped, from the last convolution or the first dense layer on", lower=0.0, upper=0.99
    )
    label_smoothing: float = knob(0.0, "share of a label that is spread over all classes", lower=0.0, upper=1.0)
    augmentation: Augmentation = nested(Augmentation())
    freeze: str = knob("", "layers that do not learn, separated by commas: layer1,layer2")
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")


class Classifier(NamedTuple):
    """A network, and what the functions below need to know of it."""

    net: nn.Module  # images [B, D] in [0, 1], whether in training -> logits [B, C] float32, layer -> activations
    layers: Sequence[str]  # from the image up; the last is "output"
    shape: tuple[int, int, int]  # H, W, C of an image; D = H * W * C
    labels: Sequence[str]  # names of the classes
    training: Training


def listed(freeze: str) -> list[str]:
    """The layers of --freeze."""
    return [name for name in freeze.split(",") if name]


def options(training: Training) -> dict[str, Any]:
    """The fields of `nets.hidden.Block` that all hidden layers share."""
    return {
        "activation": training.activation,
        "initializer": training.initializer,
        "batch_norm": training.batch_norm,
        "dropout": training.dropout,
        "dtype": jnp.bfloat16 if training.precision == "bf16" else jnp.float32,
    }


def frozen(model: Classifier) -> frozenset[str]:
    """The layers that do not learn. Raises Refused for one that does not exist, or where all are listed."""
    freeze = model.training.freeze
    layers = listed(freeze)
    if unknown := [name for name in layers if name not in model.layers]:
        raise Refused(f"--freeze={freeze}: there is no layer {unknown[0]!r}; known: {', '.join(model.layers)}")
    if set(layers) == set(model.layers):
        raise Refused(f"--freeze={freeze} leaves no layer to learn")
    return frozenset(layers)


def training_loss(model: Classifier) -> Callable:
    """`loss(params, carry, key, batch) -> [], (carry, logits [B, C], layer -> activations)`, as in training."""
    still, training = frozen(model), model.training
    ranges = Ranges(**vars(training.augmentation))

    def loss(params, carry, key, batch):
        augment_key, dropout_key, slope_key = jax.random.split(key, 3)
        x = augment(augment_key, to_unit(batch["image"]), model.shape, ranges)
        params = {name: jax.lax.stop_gradient(p) if name in still else p for name, p in params.items()}
        variables, random = {"params": params, **dict(carry)}, {"dropout": dropout_key, "rrelu": slope_key}
        applied: Any = model.net.apply(variables, x, True, rngs=random, mutable=list(carry))
        (logits, activations), moved = applied
        value = cross_entropy(logits, batch["label"], training.label_smoothing).mean()
        return value, (moved or carry, logits, activations)

    return loss


def root_mean_square(x: jax.Array) -> jax.Array:
    """[] of an array of any shape. Scaled first: the squares of a vanishing signal are below the smallest float32."""
    largest = jnp.maximum(jnp.abs(x).max(), jnp.finfo(x.dtype).tiny)
    return largest * jnp.sqrt(jnp.square(x / largest).mean())


def layer_statistics(model: Classifier) -> Callable[..., Mapping[str, jax.Array]]:
    """State, key, batch -> statistics of each layer [L] that show vanishing and exploding signals, as in training.

    `gradient`: root mean square of the loss's gradient in the layer's kernel. `mean` and `spread`: mean and standard
    deviation of its activations; of the output's logits.
    """
    loss = training_loss(model)

    def measure(state, key, batch):
        (_, (_, _, activations)), grads = jax.value_and_grad(loss, has_aux=True)(state.params, state.carry, key, batch)
        kernels = [grads[name].get("linear", grads[name])["kernel"] for name in model.layers]
        values = [activations[name] for name in model.layers]
        return {
            "gradient": jnp.stack([root_mean_square(g) for g in kernels]),
            "mean": jnp.stack([a.astype(jnp.float32).mean() for a in values]),
            "spread": jnp.stack([a.astype(jnp.float32).std() for a in values]),
        }

    return measure


def technique(model: Classifier, optimizer: Factory) -> Technique:
    """The classifier as a Technique.

    A batch is {"image": [B, D] uint8 or float32 in [0, 1], "label": [B] class numbers, or [B, C] distributions}.
    """
    still, loss_of = frozen(model), training_loss(model)
    pixels, classes = math.prod(model.shape), len(model.labels)
    descent = optimizer(model.training.learning_rate)

    def init(key):
        state_key, net_key = jax.random.split(key)
        variables: Any = dict(model.net.init(net_key, jnp.zeros((1, pixels), jnp.float32)))
        params = variables.pop("params")
        return begin(state_key, params, descent, variables or (), still)

    def loss(params, carry, key, batch):
        value, (carry, logits, _) = loss_of(params, carry, key, batch)
        right = logits.argmax(-1) == hard_label(batch["label"])
        return value, (carry, {"loss": value, "accuracy": right.mean()})

    def evaluated(state, image) -> Any:
        """Logits [B, C] and activations, as at evaluation."""
        return model.net.apply({"params": state.params, **dict(state.carry)}, to_unit(image))

    def predict(state, key, image):
        """One image [D] to the probabilities [C] of its classes."""
        del key
        return jax.nn.softmax(evaluated(state, image[None])[0][0])

    def features(state, key, image):
        """One image [D] to the activations of the last hidden layer, flat; without one, to its pixels [D]."""
        del key
        *hidden, _ = model.layers
        return evaluated(state, image[None])[1][hidden[-1]].reshape(-1) if hidden else to_unit(image)

    def example(key):
        image_key, label_key = jax.random.split(key)
        image = speckled(image_key, 8, pixels)
        return {"image": image, "label": jax.random.randint(label_key, (8,), 0, classes, jnp.int32)}

    def inputs(key):
        image = example(key)["image"][0]
        return {"predict": image, "features": image}

    evaluate = classified(lambda state, batch: evaluated(state, batch["image"])[0], model.labels)
    step = gradient_step(loss, descent, still)
    return Technique(init, step, evaluate, {"predict": predict, "features": features}, example, inputs)
