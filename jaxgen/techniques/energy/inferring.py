"""What a machine that has learnt computes of one image: codes, reconstructions, classes, chains of Gibbs sampling.

D values of an image, V visible units without the class, H hidden units, C classes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import State
from jaxgen.ops import boltzmann
from jaxgen.techniques.energy.learning import Model, learnt

SAMPLED = 1000  # steps of Gibbs sampling from noise to a sample

Infer = Mapping[str, Callable]


def of(model: Model) -> tuple[Infer, Callable[[jax.Array], Mapping[str, Any]]]:
    """`Technique.infer`, and image [D] -> an input of each."""
    infer = {**coding(model), **sampling(model)}
    own = model.visible - model.units.classes

    def inputs(image):
        steps = jnp.int32(3)
        every: dict[str, Any] = dict.fromkeys(("encode", "reconstruct", "free_energy", "predict"), image)
        every |= {"decode": jnp.full(model.hidden, 0.5, jnp.float32), "sample": ()}
        every |= {"gibbs": {"image": image, "steps": steps}, "sample_class": {"label": jnp.int32(0), "steps": steps}}
        every |= {"fill": {"image": image, "known": jnp.arange(own) < own // 2, "steps": steps}}
        return {name: every[name] for name in infer}

    return infer, inputs


def seen(model: Model, state: State, key: jax.Array | None, image: jax.Array) -> jax.Array:
    """The visible units [1, V + C] of an image [D]: all classes equally active, nothing drawn without a key."""
    classes = model.units.classes
    x = model.see(state.carry, key, {"image": image[None], "label": jnp.zeros(1, jnp.int32)})
    return x.at[:, model.visible - classes :].set(1.0 / classes) if classes else x


def images(model: Model, state: State, x: jax.Array) -> jax.Array:
    """What visible units x [B, V] are as images [B, D]."""
    return x if model.down is None else model.down(state.carry, x)


def coding(model: Model) -> Infer:
    """Functions that draw nothing but an image's pixels."""
    units, own = model.units, model.visible - model.units.classes

    def encode(state, key, image):
        """One image [D] to the means of its hidden units [H]."""
        del key
        return boltzmann.hidden_mean(units, learnt(model, state), seen(model, state, None, image))[0]

    def decode(state, key, hidden):
        """Hidden units [H] to means of pixels [D]."""
        del key
        mean = boltzmann.visible_mean(units, boltzmann.visible_input(units, learnt(model, state), hidden[None]))
        return images(model, state, mean[:, :own])[0]

    def reconstruct(state, key, image):
        """One image [D] to the means of pixels [D] given the means of its hidden units."""
        return decode(state, key, encode(state, key, image))

    def free_energy(state, key, image):
        """F(x) [] of one image [D], nats: the less, the more probable. log p(x) is -F(x) - log Z."""
        return boltzmann.free_energy(units, learnt(model, state), seen(model, state, key, image))[0]

    def predict(state, key, image):
        """One image [D] to the probabilities [C] of its classes, from free energies."""
        del key
        x = seen(model, state, None, image)[:, :own]
        return jnp.exp(boltzmann.class_log_probabilities(units, learnt(model, state), x)[0])

    infer = {"encode": encode, "decode": decode, "reconstruct": reconstruct, "free_energy": free_energy}
    return infer | ({"predict": predict} if units.classes else {})


def sampling(model: Model) -> Infer:
    """Chains of Gibbs sampling, each to the means of pixels [D] in its last step."""
    units, own = model.units, model.visible - model.units.classes

    def walked(state, key, x, steps, fixed=None):
        """From x [1, V + C], of which the values where `fixed` [V + C] stay."""
        machine, (walk_key, last_key) = learnt(model, state), jax.random.split(key)
        x = boltzmann.chains(units, machine, walk_key, x, steps - 1, fixed)
        mean = boltzmann.visible_mean(units, boltzmann.up_down(units, machine, last_key, x))
        mean = mean if fixed is None else jnp.where(fixed, x, mean)
        return images(model, state, mean[:, :own])[0]

    def noise(key):
        return boltzmann.sample_visible(units, key, jnp.zeros((1, model.visible), jnp.float32))

    def sample(state, key, nothing=()):
        """From noise, SAMPLED steps."""
        del nothing
        noise_key, walk_key = jax.random.split(key)
        return walked(state, walk_key, noise(noise_key), SAMPLED)

    def gibbs(state, key, start):
        """From {"image": [D], "steps": [] int32, at least 1}."""
        see_key, walk_key = jax.random.split(key)
        return walked(state, walk_key, seen(model, state, see_key, start["image"]), start["steps"])

    def fill(state, key, start):
        """As `gibbs`, of pixels that are not "known" [D] bool, given those that are; the others begin as noise."""
        see_key, noise_key, walk_key = jax.random.split(key, 3)
        known = jnp.concatenate([start["known"], jnp.zeros(units.classes, bool)])
        x = jnp.where(known, seen(model, state, see_key, start["image"]), noise(noise_key))
        return walked(state, walk_key, x, start["steps"], known)

    def sample_class(state, key, start):
        """From noise, given {"label": [] int32, "steps": [] int32}."""
        noise_key, walk_key = jax.random.split(key)
        label = jax.nn.one_hot(start["label"], units.classes, dtype=jnp.float32)
        x = noise(noise_key).at[0, own:].set(label)
        return walked(state, walk_key, x, start["steps"], jnp.arange(model.visible) >= own)

    infer: dict[str, Callable] = {"sample": sample, "gibbs": gibbs}
    # Which pixels are known says nothing of which values of codes are.
    infer |= {"fill": fill} if model.down is None else {}
    return infer | ({"sample_class": sample_class} if units.classes else {})
