"""Sampling of the next token from logits: temperature, top-k, nucleus, and the draw itself.

All functions take ONE distribution; callers vmap. Forbidden tokens have the logit -inf; at least one logit is finite.
Nothing is sorted: on a CPU a sort costs more than the rest of a small network's step.

V    tokens in the vocabulary
"""

import jax
import jax.numpy as jnp

BLOCK = 128  # numbers that are summed by one product with a triangular matrix


def reweighted(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """log p^(1/T) / Z, nats [V]: the distribution at temperature T. At T = 0 only the largest logits have mass.

    Chollet, Deep Learning with Python, section 8.1 (`reweight_distribution`).
    """
    return jax.nn.log_softmax(_cooled(logits, temperature))


def top_k(logits: jax.Array, k: int) -> jax.Array:
    """Logits [V] with all but the k largest set to -inf. Of equal ones the first are kept, exactly min(k, V) in all.

    Fan et al. 2018, Hierarchical Neural Story Generation, https://arxiv.org/abs/1805.04833 (section 5.4).
    """
    return _foremost(logits, jnp.ones(logits.shape, jnp.float32), k)


def nucleus(logits: jax.Array, p: float, temperature: jax.Array | float = 1.0) -> jax.Array:
    """Logits [V] of the smallest set of tokens with a mass of at least p; the others are set to -inf.

    Tokens are added by falling probability, of equal ones the first, until the mass, a float32, reaches p; at least
    one is kept.
    Holtzman et al. 2020, The Curious Case of Neural Text Degeneration, https://arxiv.org/abs/1904.09751 (section 3.1).

    Args:
        logits: [V]; those that are kept are unchanged.
        p: in (0, 1].
        temperature: [], of the probabilities.
    """
    weights = jnp.exp(_cooled(logits, temperature))
    return _foremost(logits, weights, p * weights.sum())


def restricted(logits: jax.Array, temperature: jax.Array, k: int = 0, p: float = 1.0) -> jax.Array:
    """Logits [V] of the tokens that `choose` may return, unchanged; the others are set to -inf.

    First the k largest are kept (0: all), then of these the nucleus of mass p at the temperature (1: all).
    """
    if 0 < k < logits.size:
        logits = top_k(logits, k)
    return nucleus(logits, p, temperature) if p < 1.0 else logits


def choose(
    logits: jax.Array, noise: jax.Array, temperature: jax.Array, top_k: int = 0, top_p: float = 1.0
) -> jax.Array:
    """A token [] int32, drawn from p^(1/T) / Z; at T = 0 the first of the most probable, whatever the noise.

    The cumulative distribution is inverted, which takes one random number per token. Gumbel noise takes V, which cost
    more than the rest of the choice and, for a large V, more memory than there is. Probabilities are exact to 1e-6.

    Args:
        logits: [V].
        noise: [], uniform on [0, 1): `jax.random.uniform(key, (L,))` before a sampler's loop of L tokens.
        temperature: [], at least 0; may be traced.
        top_k: number of most probable tokens to choose among; 0: all.
        top_p: mass of the nucleus to choose in, in (0, 1]; 1: all.
    """
    weights = jnp.exp(_cooled(restricted(logits, temperature, top_k, top_p), temperature))
    target = jnp.where(temperature > 0, noise, 0.0) * weights.sum()
    # The last token whose interval starts at or before the target. The first token with a positive weight starts at
    # exactly 0, so however the sums are rounded there is such a token, and its weight is positive.
    started = (weights > 0) & (_before(weights) <= target)
    return jnp.max(jnp.where(started, jnp.arange(logits.size, dtype=jnp.int32), 0))


def _cooled(logits, temperature):
    """Logits / T, shifted so that the largest is 0: finite or -inf for every T >= 0."""
    return (logits - logits.max()) / jnp.maximum(temperature, jnp.finfo(jnp.float32).tiny)


def _before(weights):
    """[V], the sum of the weights before each, by triangular matrix products: on a CPU faster than `cumsum`."""
    size, exact = weights.size, jax.lax.Precision.HIGHEST
    if size <= BLOCK:
        return jnp.matmul(jnp.tri(size, k=-1), weights, precision=exact)
    rows = -(-size // BLOCK)
    table = jnp.pad(weights, (0, rows * BLOCK - size)).reshape(rows, BLOCK)
    within = jnp.matmul(table, jnp.tri(BLOCK, k=-1).T, precision=exact)
    return (within + _before(table.sum(1))[:, None]).reshape(-1)[:size]


def _foremost(logits, weights, enough):
    """Keeps the largest logits [V], of equal ones the first, until their weights sum to `enough`; others are -inf."""
    bits = jax.lax.bitcast_convert_type(logits.astype(jnp.float32), jnp.uint32)
    sign = jnp.uint32(1 << 31)
    order = jnp.where(bits < sign, bits | sign, ~bits)  # integers ordered as the logits are

    def bit(n, lowest):
        # Finds, from its highest bit down, the largest integer with enough weight at or above it.
        higher = lowest | (sign >> n.astype(jnp.uint32))
        return jnp.where(jnp.sum(jnp.where(order >= higher, weights, 0.0)) >= enough, higher, lowest)

    lowest = jax.lax.fori_loop(0, 32, bit, jnp.uint32(0))
    equal, above = order == lowest, order > lowest
    needed = enough - jnp.sum(jnp.where(above, weights, 0.0))
    return jnp.where(above | (equal & (_before(jnp.where(equal, weights, 0.0)) < needed)), logits, -jnp.inf)
