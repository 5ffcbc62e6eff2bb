"""A linear layer with the normalisation that a name stands for."""

import flax.linen as nn
import jax

from jaxgen.nets.spectral import Spectral

NORMS = ("none", "batch", "spectral")


class Normed(nn.Module):
    """`layer`, then batch normalisation ("batch"); divided by its largest singular value ("spectral"); or neither."""

    layer: nn.Module
    norm: str = "none"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """What the layer returns of x, normalised. `train` uses the batch's own statistics and moves running ones.

        Raises ValueError for another norm.
        """
        if self.norm not in NORMS:
            raise ValueError(f"the norm of a layer is one of {', '.join(NORMS)}, not {self.norm!r}")
        if self.norm == "spectral":
            return Spectral(self.layer)(x, train)
        x = self.layer(x)
        return nn.BatchNorm(not train, momentum=0.9)(x) if self.norm == "batch" else x
