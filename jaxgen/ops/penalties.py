"""Penalties on the slope of a critic in its input.

`score` maps images x [B, ...] to logits [B]. Slopes are the gradient of the SUM of the scores, which is each image's
own only where no score depends on another image: not with batch normalisation by the batch's statistics. (Mini-batch
standard deviation couples images as well; StyleGAN2 takes the gradient of the sum all the same.)

B    images
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Score = Callable[[jax.Array], jax.Array]


def slopes(score: Score, x: jax.Array) -> jax.Array:
    """The gradient of each image's score in its pixels, of x's shape [B, ...]."""
    return jax.grad(lambda x: score(x).sum())(x)


def _squared_norms(gradient):
    """[B], of gradients [B, ...]."""
    return jnp.square(gradient.reshape(len(gradient), -1)).sum(-1)


def _root(squares):
    """Square roots, of derivative 0 at 0, where that of `jnp.sqrt` is infinite and makes NaN of a zero."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def gradient_penalty(key: jax.Array, score: Score, real: jax.Array, fake: jax.Array) -> jax.Array:
    """E (|grad D(x)| - 1)^2 [] at x = u real + (1 - u) fake, u uniform in [0, 1) for each pair of images [B, ...].

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3; their weight is 10, for a loss without a half.
    """
    u = jax.random.uniform(key, (len(real), *[1] * (real.ndim - 1)), real.dtype)
    between = u * real + (1.0 - u) * fake
    return jnp.square(_root(_squared_norms(slopes(score, between))) - 1.0).mean()


def r1(score: Score, real: jax.Array, gamma: float | jax.Array) -> jax.Array:
    """gamma / 2 E |grad D(x)|^2 [] on real images [B, ...].

    Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9, for a loss without a half. Where the critic
    sees augmented images, `score` augments: the gradient is that of D(augment(x)) in x.
    """
    return 0.5 * gamma * _squared_norms(slopes(score, real)).mean()


def lazily(penalty: Callable[[], jax.Array], step: jax.Array, every: int) -> jax.Array:
    """`every` times the penalty [] at steps divisible by `every`, 0 at others, where it is not computed.

    Karras et al. 2020, https://arxiv.org/abs/1912.04958, "lazy regularization": the mean over steps stays as it was.
    Differentiable in what `penalty` closes over. Where `step` [] int32 is itself mapped by vmap, XLA computes both
    branches and selects; map the parameters and keep the step unmapped to save the time.

    Raises:
        ValueError: `every` is less than 1.
    """
    if every < 1:
        raise ValueError(f"a penalty is computed every 1 or more steps, not {every}")
    if every == 1:
        return penalty()
    zero = jnp.zeros((), jax.eval_shape(penalty).dtype)
    return jax.lax.cond(step % every == 0, lambda: every * penalty(), lambda: zero)
