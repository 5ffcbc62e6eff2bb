"""One layer of a stack: an autoencoder that learns the codes of the layers below it (Bengio et al. 2007,
https://papers.nips.cc/paper/2006/hash/5da713a690c067105aeb2fae32403405-Abstract.html).

B images of a batch, D values of an image, Z units of a code.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import Technique
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.reconstruction import RECONSTRUCTIONS
from jaxgen.optim.settings import Factory
from jaxgen.techniques.autoencoders import autoencoder
from jaxgen.techniques.autoencoders.autoencoder import Autoencoder


def upwards(layers: Sequence[Autoencoder], params: Sequence[Any], x: jax.Array) -> jax.Array:
    """Images in [0, 1] [..., D] to codes [..., Z], through layers with these params, the lowest first."""
    for layer, own in zip(layers, params):
        x, _ = layer.coders.encode(own, x)
    return x


def downwards(layers: Sequence[Autoencoder], params: Sequence[Any], code: jax.Array) -> jax.Array:
    """Codes [..., Z] to means of pixels [..., D], from the last layer to the first."""
    for layer, own in reversed(list(zip(layers, params))):
        code = RECONSTRUCTIONS[layer.network.loss].mean(layer.coders.decode(own, code, None))
    return code


def technique(below: Sequence[Autoencoder], layer: Autoencoder, optimizer: Factory) -> Technique:
    """The Technique of `layer`, whose images are the codes of the layers `below`.

    `State.params` are those of the layer, named as of any autoencoder of one layer. `State.carry` has the params of
    the layers below, the lowest first; no step changes them. With layers below, metrics are of codes instead of pixels.

    A batch is {"image": [B, D] uint8, or float32 in [0, 1]}; other entries are ignored.
    """
    alone = autoencoder.technique(layer, optimizer)
    fold, infer, pixels = alone.evaluate, alone.infer, math.prod((*below, layer)[0].shape)

    def codes(state, batch):
        """The batch with what this layer learns from in place of the images."""
        return {"image": upwards(below, state.carry, to_unit(batch["image"]))}

    def init(key):
        own_key, *below_keys = jax.random.split(key, 1 + len(below))
        carry = tuple(each.coders.init(below_key) for each, below_key in zip(below, below_keys))
        return alone.init(own_key)._replace(carry=carry)

    def step(state, batch):
        return alone.step(state, codes(state, batch))

    def add(state, key, tally, batch, mask):
        return fold.add(state, key, tally, codes(state, batch), mask)

    def encode(state, key, image):
        """One image [D] to its code [Z] in this layer."""
        return infer["encode"](state, key, upwards(below, state.carry, to_unit(image)))

    def decode(state, key, code):
        """One code [Z] of this layer to means of pixels [D], through the decoders of all layers."""
        return downwards(below, state.carry, infer["decode"](state, key, code))

    def reconstruct(state, key, image):
        """One image [D], not corrupted here, to the means of its pixels [D], through all layers and back."""
        return decode(state, key, encode(state, key, image))

    def example(key):
        return {"image": speckled(key, 8, pixels)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image = example(image_key)["image"][0]
        code = jax.random.uniform(code_key, (layer.network.latent,), jnp.float32)
        return {"encode": image, "decode": code, "reconstruct": image}

    of_codes = f"; of the codes of layer {len(below)} in place of pixels" if below else ""
    definitions = {name: text + of_codes for name, text in fold.definitions.items()}
    through = {"encode": encode, "decode": decode, "reconstruct": reconstruct}
    return Technique(init, step, fold._replace(add=add, definitions=definitions), through, example, inputs)
