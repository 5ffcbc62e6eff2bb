"""How the two networks of a game depend on a class.

B    examples of a batch
Z    dimensions of a code
F    features of the critic's last hidden layer
C    classes
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.normed import Normed

EMBEDDED = 32  # dimensions of a class beside a code


class ConditionalCode(nn.Module):
    """A code, and behind it what is learnt of its class."""

    classes: int  # C; 0: no conditions

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None) -> jax.Array:
        """Codes [B, Z] and labels [B] to [B, Z + EMBEDDED]; without classes the codes as they are."""
        if not self.classes:
            return z
        # A product and not a look-up: its gradient needs no scatter, and classes are few.
        embedded = nn.Dense(EMBEDDED, use_bias=False, name="class")(
            jax.nn.one_hot(label, self.classes, dtype=jnp.float32)
        )
        return jnp.concatenate([z, embedded], axis=-1)


class Projection(nn.Module):
    """The last layer of a critic: w.h + b, and with classes v_y.h beside it (Miyato & Koyama 2018, figure 2).

    https://arxiv.org/abs/1802.05637
    """

    classes: int  # C; 0: no conditions
    norm: str = "none"  # or "spectral"

    @nn.compact
    def __call__(self, h: jax.Array, label: jax.Array | None = None, train: bool = False) -> jax.Array:
        """Features [B, F] and labels [B] to logits [B], float32."""
        logits = Normed(nn.Dense(1), self.norm, name="logit")(h, train)[:, 0]
        if self.classes:
            embed = Normed(nn.Dense(h.shape[-1], use_bias=False), self.norm, name="class")
            logits = logits + (embed(jax.nn.one_hot(label, self.classes, dtype=jnp.float32), train) * h).sum(-1)
        return logits.astype(jnp.float32)
