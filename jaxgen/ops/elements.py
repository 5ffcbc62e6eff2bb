"""What sequences consist of: tokens, rows of pixels, movements of a pen; how they are written, and what errors cost.

S    tokens, one of which may stand for the end, or features of an element
L    elements of a sequence
"""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxgen.ops.imaging import to_unit

Kind = Literal["tokens", "pixels", "movements"]


def values(kind: Kind, x: jax.Array) -> jax.Array:
    """Elements as networks have them: tokens int32, others float32, pixels in [0, 1]."""
    return x.astype(jnp.int32) if kind == "tokens" else to_unit(x)


def nats(kind: Kind, outputs: jax.Array, target: jax.Array) -> jax.Array:
    """The loss [...] of elements of which outputs [..., S] are logits or means.

    Tokens: -log softmax(o)[y]. Pixels: the cross-entropy of sigmoid(o) and y, summed over a row. Movements: half of the
    squared error of (dx, dy), which is -log of a normal density of deviation 1 without its constant, and the
    cross-entropy of whether the pen is lifted.
    """
    crossed = lambda o, y: jax.nn.softplus(o) - y * o
    match kind:
        case "tokens":
            return jax.nn.logsumexp(outputs, -1) - jnp.take_along_axis(outputs, target[..., None], -1)[..., 0]
        case "pixels":
            return crossed(outputs, target).sum(-1)
        case "movements":
            offset = 0.5 * jnp.square(outputs[..., :2] - target[..., :2]).sum(-1)
            return offset + crossed(outputs[..., 2], target[..., 2])


def likeliest(kind: Kind, outputs: jax.Array) -> jax.Array:
    """Elements of outputs [..., S]: tokens [...], shades [..., S], or offsets with a lift of 0 or 1 [..., 3]."""
    match kind:
        case "tokens":
            return outputs.argmax(-1).astype(jnp.int32)
        case "pixels":
            return jax.nn.sigmoid(outputs)
        case "movements":
            return jnp.concatenate([outputs[..., :2], (outputs[..., 2:] > 0).astype(jnp.float32)], -1)


def missed(kind: Kind, made: jax.Array, target: jax.Array) -> jax.Array:
    """How far made elements are from the target's [...]: 1 of a wrong token; the squared error of all features."""
    return (made != target).astype(jnp.float32) if kind == "tokens" else jnp.square(made - target).sum(-1)


def flipped(x: jax.Array, length: jax.Array) -> jax.Array:
    """The first `length` [] elements of a sequence [L, ...] in the opposite order, those behind them as they are."""
    index = jnp.arange(len(x), dtype=jnp.int32)
    return x[jnp.where(index < length, length - 1 - index, index)]
