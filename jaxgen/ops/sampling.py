"""How the next token is chosen of a model's logits: temperature, top-k, nucleus, and the draw itself.

All functions are of ONE distribution; callers vmap. Forbidden tokens have the logit -inf; at least one is finite.
Nothing is sorted: on a CPU a sort costs more than all the rest of a small network's step.

V    tokens in the vocabulary
"""

import jax
import jax.numpy as jnp

BLOCK = 128  # numbers that are summed by one product with a triangle


def reweighted(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """log p^(1/T) / Z, nats [V]: the distribution at temperature T. Where T is 0 only the largest logits have mass.

    Chollet, Deep Learning with Python, section 8.1 (`reweight_distribution`).
    """
    return jax.nn.log_softmax(_cooled(logits, temperature))


def top_k(logits: jax.Array, k: int) -> jax.Array:
    """The k largest of logits [V], the others -inf. Of equal ones the first are kept: always exactly min(k, V).

    Fan et al. 2018, Hierarchical Neural Story Generation, https://arxiv.org/abs/1805.04833 (section 5.4).
    """
    return _foremost(logits, jnp.ones(logits.shape), k)


def nucleus(logits: jax.Array, p: float, temperature: jax.Array | float = 1.0) -> jax.Array:
    """The smallest set of tokens whose mass is at least p, the token that crosses p included; the others -inf.

    Tokens are taken by falling probability, of equal ones the first, and at least one is; mass is a float32's.
    Holtzman et al. 2020, The Curious Case of Neural Text Degeneration, https://arxiv.org/abs/1904.09751 (section 3.1).

    Args:
        logits: [V]; those that are kept come back as they are.
        p: in (0, 1].
        temperature: [], at which probabilities are taken.
    """
    weights = jnp.exp(_cooled(logits, temperature))
    return _foremost(logits, weights, p * weights.sum())


def restricted(logits: jax.Array, temperature: jax.Array, k: int = 0, p: float = 1.0) -> jax.Array:
    """Logits [V] of the tokens that `choose` chooses among, as they are; the others -inf.

    First the k largest (0: all), then the nucleus of mass p of those, at the temperature (1: all).
    """
    if 0 < k < logits.size:
        logits = top_k(logits, k)
    return nucleus(logits, p, temperature) if p < 1.0 else logits


def choose(
    logits: jax.Array, noise: jax.Array, temperature: jax.Array, top_k: int = 0, top_p: float = 1.0
) -> jax.Array:
    """A token [] int32, drawn of p^(1/T) / Z; where T is 0 the first of the most probable, whatever the noise.

    The distribution function is inverted: that takes one random number a token, where Gumbel noise takes V, which cost
    more than the rest of the choice and, where V is large, more memory than there is. Probabilities are exact to 1e-6.

    Args:
        logits: [V].
        noise: [], uniform on [0, 1): `jax.random.uniform(key, (L,))` before a sampler's loop of L tokens.
        temperature: [], at least 0; may be traced.
        top_k: choose among so many of the most probable; 0: all.
        top_p: choose in the nucleus of this mass, in (0, 1]; 1: everywhere.
    """
    weights = jnp.exp(_cooled(restricted(logits, temperature, top_k, top_p), temperature))
    target = jnp.where(temperature > 0, noise, 0.0) * weights.sum()
    # The last token that begins at the target or before it. The first with any weight begins at exactly 0, so there is
    # one, and it has a weight, however the sums are rounded.
    begun = (weights > 0) & (_before(weights) <= target)
    return jnp.max(jnp.where(begun, jnp.arange(logits.size, dtype=jnp.int32), 0))


def _cooled(logits, temperature):
    """Logits / T, shifted so that the largest is 0: finite or -inf for every T from 0 on."""
    return (logits - logits.max()) / jnp.maximum(temperature, jnp.finfo(jnp.float32).tiny)


def _before(weights):
    """[V], the sum of the weights before each, by products with a triangle: on a CPU faster than `cumsum`."""
    size, exact = weights.size, jax.lax.Precision.HIGHEST
    if size <= BLOCK:
        return jnp.matmul(jnp.tri(size, k=-1), weights, precision=exact)
    rows = -(-size // BLOCK)
    table = jnp.pad(weights, (0, rows * BLOCK - size)).reshape(rows, BLOCK)
    within = jnp.matmul(table, jnp.tri(BLOCK, k=-1).T, precision=exact)
    return (within + _before(table.sum(1))[:, None]).reshape(-1)[:size]


def _foremost(logits, weights, enough):
    """Logits [V] by falling size, of equal ones the first, until their weights reach `enough`; the others -inf."""
    bits = jax.lax.bitcast_convert_type(logits.astype(jnp.float32), jnp.uint32)
    sign = jnp.uint32(1 << 31)
    order = jnp.where(bits < sign, bits | sign, ~bits)  # integers in the order of the logits

    def bit(n, lowest):
        # The largest integer that enough weight is at or above, from its highest bit down.
        higher = lowest | (sign >> n.astype(jnp.uint32))
        return jnp.where(jnp.sum(jnp.where(order >= higher, weights, 0.0)) >= enough, higher, lowest)

    lowest = jax.lax.fori_loop(0, 32, bit, jnp.uint32(0))
    equal, above = order == lowest, order > lowest
    needed = enough - jnp.sum(jnp.where(above, weights, 0.0))
    return jnp.where(above | (equal & (_before(jnp.where(equal, weights, 0.0)) < needed)), logits, -jnp.inf)
