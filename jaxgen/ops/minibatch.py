"""A statistic of the mini-batch as a feature, by which a critic sees that generated images are all alike."""

import jax
import jax.numpy as jnp

EPSILON = 1e-8  # added to variances, so that a root's derivative is finite where all images of a group are equal


GROUP = 4  # images whose deviation is shown


def group_size(count: int, group: int = GROUP) -> int:
    """The images of each group where `count` are divided: the largest divisor of `count` that is at most `group`."""
    return max(n for n in range(1, min(group, count) + 1) if count % n == 0)


def minibatch_deviation(x: jax.Array, group: int = GROUP) -> jax.Array:
    """x [B, ..., C] with one more channel [B, ..., C + 1]: the standard deviation over a group of images.

    Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3: the deviation of each feature over the images of a
    group, averaged over pixels and channels, is the same number for all pixels and images of the group. Images, or
    features [B, F], are grouped as they follow each other, as many as `group_size` says. In groups of one, where B is
    prime and larger than `group`, the channel says nothing.

    Raises:
        ValueError: x has no axes of a batch and channels, or no images, or `group` is less than 1.
    """
    if x.ndim < 2 or not len(x) or group < 1:
        raise ValueError(f"expected x [B >= 1, ..., C] and groups of at least 1, found {x.shape} and {group}")
    size = group_size(len(x), group)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32)).reshape(-1, size, x[0].size)
    deviation = jnp.sqrt(wide.var(1) + EPSILON).mean(-1)
    channel = jnp.repeat(deviation, size).reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
    return jnp.concatenate([x, jnp.broadcast_to(channel, (*x.shape[:-1], 1))], -1)
