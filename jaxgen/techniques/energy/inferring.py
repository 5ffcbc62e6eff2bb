"""What a machine that has learnt computes of one image: codes, reconstructions, chains of Gibbs sampling, classes.

D values of an image, H hidden units, C classes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.ops import boltzmann
from jaxgen.techniques.energy.learning import Model, learnt

SAMPLED = 1000  # steps of Gibbs sampling from noise to a sample


def of(model: Model) -> tuple[Mapping[str, Callable], Callable[[jax.Array], Mapping[str, Any]]]:
    """`Technique.infer`, and image [D] -> an input of each."""
    units, alone = model.units, model.visible - model.units.classes == model.pixels
    own = model.visible - units.classes  # visible units but for the class

    def seen(state, key, image):
        """[1, D + C]: without a class, all of them are equally active; without a key, probabilities are not drawn."""
        x = model.see(state.carry, key, {"image": image[None], "label": jnp.zeros(1, jnp.int32)})
        return x.at[:, own:].set(1.0 / units.classes) if units.classes else x

    def walked(state, key, x, steps, fixed=None):
        """Means of the pixels [D] in the last of `steps` steps from x [1, D + C]."""
        machine, (walk_key, last_key) = learnt(model, state), jax.random.split(key)
        x = boltzmann.chains(units, machine, walk_key, x, steps - 1, fixed)
        mean = boltzmann.visible_mean(units, boltzmann.up_down(units, machine, last_key, x))
        mean = mean if fixed is None else jnp.where(fixed, x, mean)
        return model.down(state.carry, mean[:, :own])[0]

    def encode(state, key, image):
        """One image [D] to the means of its hidden units [H]."""
        del key
        return boltzmann.hidden_mean(units, learnt(model, state), seen(state, None, image))[0]

    def decode(state, key, hidden):
        """Hidden units [H] to means of pixels [D]."""
        del key
        mean = boltzmann.visible_mean(units, boltzmann.visible_input(units, learnt(model, state), hidden[None]))
        return model.down(state.carry, mean[:, :own])[0]

    def reconstruct(state, key, image):
        """One image [D] to the means of pixels [D] given the means of its hidden units."""
        return decode(state, key, encode(state, key, image))

    def free_energy(state, key, image):
        """F(x) [] of one image [D], nats: the less, the more probable. log p(x) is -F(x) - log Z."""
        return boltzmann.free_energy(units, learnt(model, state), seen(state, key, image))[0]

    def gibbs(state, key, start):
        """{"image": [D], "steps": [] int32, at least 1} to means of pixels [D] in the chain's last step."""
        see_key, walk_key = jax.random.split(key)
        return walked(state, walk_key, seen(state, see_key, start["image"]), start["steps"])

    def fill(state, key, start):
        """As `gibbs`, of pixels that are not "known" [D] bool, given those that are; the others begin as noise."""
        see_key, noise_key, walk_key = jax.random.split(key, 3)
        x = seen(state, see_key, start["image"])
        known = jnp.concatenate([start["known"], jnp.zeros(units.classes, bool)])
        noise = boltzmann.sample_visible(units, noise_key, jnp.zeros_like(x))
        return walked(state, walk_key, jnp.where(known, x, noise), start["steps"], known)

    def sample(state, key, nothing=()):
        """Means of pixels [D] after SAMPLED steps of Gibbs sampling that begin at noise."""
        del nothing
        noise_key, walk_key = jax.random.split(key)
        noise = boltzmann.sample_visible(units, noise_key, jnp.zeros((1, model.visible), jnp.float32))
        return walked(state, walk_key, noise, SAMPLED)

    def predict(state, key, image):
        """One image [D] to the probabilities [C] of its classes, from free energies."""
        del key
        x = seen(state, None, image)
        return jnp.exp(boltzmann.class_log_probabilities(units, learnt(model, state), x[:, :own])[0])

    def sample_class(state, key, start):
        """{"label": [] int32, "steps": [] int32} to means of pixels [D] in a chain that begins at noise."""
        noise_key, walk_key = jax.random.split(key)
        noise = boltzmann.sample_visible(units, noise_key, jnp.zeros((1, model.visible), jnp.float32))
        label = jax.nn.one_hot(start["label"], units.classes, dtype=jnp.float32)
        fixed = jnp.arange(model.visible) >= own
        return walked(state, walk_key, noise.at[0, own:].set(label), start["steps"], fixed)

    infer: dict[str, Callable] = {"encode": encode, "decode": decode, "reconstruct": reconstruct, "sample": sample}
    infer |= {"free_energy": free_energy, "gibbs": gibbs}
    infer |= {"fill": fill} if alone else {}  # which values of codes are known is nothing that anybody knows
    infer |= {"predict": predict, "sample_class": sample_class} if units.classes else {}

    def inputs(image):
        steps = jnp.int32(3)
        known = jnp.arange(own) < own // 2
        every = dict.fromkeys(("encode", "reconstruct", "free_energy", "predict"), image)
        every |= {"decode": jnp.full(model.hidden, 0.5, jnp.float32), "sample": ()}
        every |= {"gibbs": {"image": image, "steps": steps}, "sample_class": {"label": jnp.int32(0), "steps": steps}}
        every |= {"fill": {"image": image, "known": known, "steps": steps}}
        return {name: every[name] for name in infer}

    return infer, inputs
