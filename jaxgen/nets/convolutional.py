"""A convolutional classifier: convolutions with pooling, hidden dense layers and a linear output.

B    examples of a batch
D    values of an image, H * W * channels
C    classes
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax

from jaxgen.nets.hidden import Block, dense_classifier


class CNN(nn.Module):
    """Each convolution is 3x3, followed by an activation and 2x2 max pooling; then come dense layers."""

    shape: Sequence[int]  # H, W, channels of an image
    channels: Sequence[int]  # of the convolutions
    units: Sequence[int]  # of the hidden dense layers
    classes: int
    options: Mapping[str, Any]  # fields of `nets.hidden.Block`; dropout begins at the last convolution
    frozen: Sequence[str] = ()  # layers that are used as at evaluation always
    until: str = ""  # the last layer that is computed, a convolution, for images of any size; "": all

    @nn.compact
    def __call__(
        self, x: jax.Array, train: bool = False, added: Mapping[str, jax.Array] | None = None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Images [B, D] in [0, 1] to logits [B, C] float32, and layer -> activations [B, H, W, F] or [B, F].

        With `until`, to that layer's output instead of logits. `added` is added to the activations of convolutions.
        """
        activations, undropped = {}, {**self.options, "dropout": 0.0}
        x = x.reshape(-1, *self.shape)
        for number, features in enumerate(self.channels, 1):
            name, chosen = f"layer{number}", self.options if number == len(self.channels) else undropped
            block = Block(features, conv=True, **chosen, name=name)
            x, activations[name] = block(x, train and name not in self.frozen, (added or {}).get(name))
            if name == self.until:
                return x, activations
        first, x = len(self.channels) + 1, x.reshape(len(x), -1)
        logits, above = dense_classifier(x, self.units, self.classes, self.options, train, self.frozen, first)
        return logits, {**activations, **above}
