"""Deep embedded clustering (Xie et al. 2016, https://arxiv.org/abs/1511.06335), with the decoder kept (IDEC).

An autoencoder is trained first. Centres are drawn among its codes by k-means; then encoder and centres learn together
that the clusters become purer: soft assignments q are pulled to their own sharpened targets p. With a weight on the
reconstruction the code goes on describing the image (Guo et al. 2017, https://doi.org/10.24963/ijcai.2017/243). Labels
are not used.

The paper computes targets of all images now and then. Here they are of each batch, from running averages of the soft
frequencies of the clusters, which begin at those of the training set: no pass over the set, and no targets to keep.

B    images of a batch
D    values of an image
Z    units of the code
K    clusters
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Refused, State, Technique
from jaxgen.ops.clusters import k_means, squared_distances_to
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.reconstruction import RECONSTRUCTIONS, SQUARED, squared_error
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder, denoising
from jaxgen.techniques.autoencoders.autoencoder import Autoencoder
from jaxgen.techniques.autoencoders.coding import Network, dense

BLOCK, RESTARTS = 500, 20  # images encoded at a time, and starts of k-means, when centres are drawn


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    # The widths of the paper.
    network: Network = nested(Network(latent=10, hidden="500,500,2000", code="linear", loss="squared"))
    clusters: int = knob(10, "clusters", lower=2, upper=2**16)
    freedom: float = knob(1.0, "degrees of freedom of Student's t, which soft assignments have", above=0.0)
    reconstruction: float = knob(0.01, "weight of the reconstruction's loss beside that of the clusters", lower=0.0)
    averaging: float = knob(0.99, "share of the clusters' frequencies that a batch keeps", lower=0.0, upper=0.9999)
    pretraining: float = knob(0.8, "share of the updates, before centres are drawn", above=0.0, upper=0.9999)
    # At the rate of the pretraining some clusters took most images at once, and others lost all of theirs.
    slower: float = knob(0.1, "factor of the learning rate after that", above=0.0)
    corrupted: float = knob(0.2, "share of pixels set to 0 in the pretraining", lower=0.0, upper=1.0)


def soft_assignment(code: jax.Array, centres: jax.Array, freedom: float = 1.0) -> jax.Array:
    """log q [B, K] of codes [B, Z] and centres [K, Z]: equation 1 of the paper.

    q_k is proportional to (1 + |z - c_k|^2 / freedom)^(-(freedom + 1) / 2), Student's t.
    """
    distance = squared_distances_to(centres, code)
    return jax.nn.log_softmax(-0.5 * (freedom + 1.0) * jnp.log1p(distance / freedom), axis=-1)


def target_distribution(q: jax.Array, frequency: jax.Array) -> jax.Array:
    """p [B, K] of soft assignments q [B, K] and the clusters' frequencies [K], up to a factor: equation 3.

    p_k is proportional to q_k^2 / f_k: surer than q, and large clusters do not draw all images.
    """
    weight = q**2 / frequency[None]
    return weight / weight.sum(1, keepdims=True)


def divergence(p: jax.Array, log_q: jax.Array) -> jax.Array:
    """KL(p || q) [B] in nats: equation 2. Of p, and not of q, entries may be 0."""
    return (jax.scipy.special.xlogy(p, p) - p * log_q).sum(1)


def pretraining(config: Config) -> denoising.Config:
    """The autoencoder that is trained first."""
    return denoising.Config(config.shape, config.network, "masking", config.corrupted)


def model(config: Config) -> Autoencoder:
    """The autoencoder whose codes are clustered."""
    return Autoencoder(config.network, dense(config.network, config.shape), config.shape)


def embed(config: Config) -> Callable[[Any, jax.Array], jax.Array]:
    """(parameters of the autoencoder, images [B, D]) -> codes [B, Z]."""
    encode = autoencoder.encoder(model(config))
    return lambda params, image: encode(params, to_unit(image))[0]


def adopting(config: Config, init: Callable[[jax.Array], State]) -> Callable[[State | None, jax.Array, Any], State]:
    """A Stage's `adopt`: the autoencoder of the stage before, and centres of its codes of all training images.

    Raises Refused where there are fewer images than clusters, or where they are streamed, not held in memory.
    """
    encode = embed(config)

    def adopt(previous, key, arrays):
        assert previous is not None
        if not arrays:
            raise Refused("clusters are drawn from all images at once: --resident_mb must hold them")
        init_key, centres_key = jax.random.split(key)
        image, state = arrays["image"], init(init_key)
        if len(image) < config.clusters:
            raise Refused(f"--clusters={config.clusters} are more than the {len(image)} training images")
        params = previous.params
        code = jax.lax.map(lambda x: encode(params, x[None])[0], image, batch_size=min(BLOCK, len(image)))
        centres = k_means(centres_key, code, config.clusters, RESTARTS).centres
        frequency = jnp.exp(soft_assignment(code, centres, config.freedom)).mean(0)
        params = {"autoencoder": params, "centres": centres}
        return state._replace(params=params, carry={"frequency": frequency})

    return adopt


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique of what follows the pretraining; it infers `assign` besides what autoencoders do.

    A batch is {"image": [B, D] uint8, or float32 in [0, 1]}; other entries are ignored.
    """
    kind, encode, compared = model(config), embed(config), RECONSTRUCTIONS[config.network.loss]
    descent, pixels = optimizer(config.slower * config.network.learning_rate), math.prod(config.shape)
    of_autoencoder = autoencoder.technique(kind, optimizer)

    def init(key):
        state_key, net_key, centres_key = jax.random.split(key, 3)
        centres = jax.random.normal(centres_key, (config.clusters, config.network.latent), jnp.float32)
        params = {"autoencoder": kind.coders.init(net_key), "centres": centres}
        frequency = jnp.full(config.clusters, 1.0 / config.clusters, jnp.float32)
        return begin(state_key, params, descent, {"frequency": frequency})

    def terms(params, image):
        """(log q [B, K], loss of the reconstruction [B], squared error [B]) of images [B, D]."""
        code, x = encode(params["autoencoder"], image), to_unit(image)
        out = kind.coders.decode(params["autoencoder"], code, None)
        log_q = soft_assignment(code, params["centres"], config.freedom)
        return log_q, compared.compare(out, x), squared_error(compared.mean(out), x)

    def loss(params, carry, key, batch):
        del key
        log_q, error, squared = terms(params, batch["image"])
        q = jax.lax.stop_gradient(jnp.exp(log_q))
        frequency = config.averaging * carry["frequency"] + (1.0 - config.averaging) * q.mean(0)
        cluster = divergence(target_distribution(q, frequency), log_q).mean()
        value = cluster + config.reconstruction * error.mean()
        metrics = {"loss": value, "divergence": cluster, "squared_error": squared.mean()}
        return value, ({"frequency": frequency}, metrics)

    def measure(state, key, batch):
        del key
        log_q, error, squared = terms(state.params, batch["image"])
        cluster = divergence(target_distribution(jnp.exp(log_q), state.carry["frequency"]), log_q)
        return cluster + config.reconstruction * error, cluster, squared, jnp.exp(log_q).max(1)

    def assign(state, key, image):
        """One image [D] to its soft assignment q [K]."""
        del key
        code = encode(state.params["autoencoder"], image)
        return jnp.exp(soft_assignment(code[None], state.params["centres"], config.freedom)[0])

    def within(function):
        return functools.wraps(function)(
            lambda state, key, x: function(state._replace(params=state.params["autoencoder"]), key, x)
        )

    def example(key):
        return {"image": speckled(key, 8, pixels)}

    def inputs(key):
        others = of_autoencoder.inputs(key)
        return {**others, "assign": others["encode"]}

    formula = "KL(p || q) of soft assignments q and their targets p, nats per image"
    weight = f"{config.reconstruction:g} times {compared.name}"
    definitions = {
        "clustering_loss": f"divergence + {weight}: divergence is {formula}; {compared.name}: {compared.definition}",
        "divergence": formula,
        "squared_error": SQUARED,
        "confidence": "largest soft assignment of an image, mean over images",
    }
    infer = {**{name: within(function) for name, function in of_autoencoder.infer.items()}, "assign": assign}
    fold = averaged(measure, definitions)
    return Technique(init, gradient_step(loss, descent), fold, infer, example, inputs)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """With the decoder and without, for the contract tests."""
    small = {"shape": (4, 4, 1), "latent": 3, "hidden": "8", "clusters": 4, "learning_rate": 1e-2, "slower": 1.0}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "clusters_improved": change({"reconstruction": 0.1}),
        "clusters_embedded": change({"reconstruction": 0.0, "freedom": 2.0, "loss": "cross_entropy"}),
    }
