"""The partition function of a binary restricted Boltzmann machine: estimated from both sides, exact for small ones.

Annealed importance sampling: Neal 2001, https://doi.org/10.1023/A:1008923215028; for these machines Salakhutdinov &
Murray 2008, https://doi.org/10.1145/1390156.1390266. Sampling upwards, from a machine without hidden units to the one
in question, underestimates log Z on average; sampling downwards from samples of the machine overestimates it. Between
them lies the truth, if those samples are good.

D    visible units, binary
H    hidden units, binary
R    runs
T    temperatures
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.boltzmann import Machine, Units, hidden_input, hidden_log_sum, sample_hidden, sample_visible
from jaxgen.ops.distributions import bernoulli_log_likelihood

AT_ONCE = 10  # hidden units whose settings are enumerated side by side


class Estimate(NamedTuple):
    """log Z in nats, from weights of R runs."""

    log_z: jax.Array  # []
    error: jax.Array  # [] its standard error: that of the mean weight over the mean weight
    log_weights: jax.Array  # [R] estimates of log Z by each run alone


def temperatures(count: int = 14_500) -> np.ndarray:
    """Inverse temperatures [T] from 0 to 1, spaced as in the experiments of Salakhutdinov & Murray.

    1/29 of the intervals lie below 0.5, 8/29 from there to 0.9, and 20/29 from there to 1.
    Raises ValueError for fewer than two.
    """
    if count < 2:
        raise ValueError(f"annealing takes at least two temperatures, not {count}")
    share = np.arange(count) / (count - 1)
    return np.interp(share, [0.0, 1 / 29, 9 / 29, 1.0], [0.0, 0.5, 0.9, 1.0]).astype(np.float32)


def base_bias(mean: jax.Array) -> jax.Array:
    """Biases [D] of the machine without weights whose visible units have these means [D], kept 0.01 from 0 and 1."""
    mean = jnp.clip(mean, 0.01, 0.99)
    return jnp.log(mean) - jnp.log1p(-mean)


def _log_unnormalised(machine: Machine, base: jax.Array, x: jax.Array, beta: jax.Array) -> jax.Array:
    """log p*_beta(x) [R]: 1 - beta of the base machine, whose hidden units have no weights, and beta of this one."""
    inputs = machine.hidden_bias[None] + x @ machine.kernel
    bias = (1.0 - beta) * base + beta * machine.visible_bias
    return x @ bias + jax.nn.softplus(beta * inputs).sum(-1)


def _transition(machine, base, key, x, beta):
    """One step of Gibbs sampling that leaves p_beta as it is; the base machine's hidden units need not be drawn."""
    hidden_key, visible_key = jax.random.split(key)
    h = sample_hidden(Units(), hidden_key, beta * hidden_input(Units(), machine, x))
    bias = (1.0 - beta) * base + beta * machine.visible_bias
    return sample_visible(Units(), visible_key, bias[None] + beta * (h @ machine.kernel.T))


def _weights(machine, base, key, x, betas):
    """Sums [R] of log p*_next(x) - log p*_this(x) along the betas [T], a transition at each in between."""

    def advance(carry, n):
        x, total = carry
        total += _log_unnormalised(machine, base, x, betas[n + 1]) - _log_unnormalised(machine, base, x, betas[n])
        x = _transition(machine, base, jax.random.fold_in(key, n), x, betas[n + 1])
        return (x, total), None

    steps = jnp.arange(len(betas) - 1, dtype=jnp.int32)
    return jax.lax.scan(advance, (x, jnp.zeros(len(x), jnp.float32)), steps)[0][1]


def _estimate(log_weights, sign):
    """Of log weights [R] whose exponentials have expectation Z^sign."""
    runs = len(log_weights)
    mean = jax.nn.logsumexp(log_weights) - math.log(runs)
    error = jnp.exp(log_weights - mean).std(ddof=1) / math.sqrt(runs)
    return Estimate(sign * mean, error, sign * log_weights)


def _log_z_of_base(machine, base):
    return jax.nn.softplus(base).sum() + machine.kernel.shape[1] * math.log(2.0)


def upwards(machine: Machine, base: jax.Array, key: jax.Array, betas: jax.Array, runs: int) -> Estimate:
    """log Z of the machine by runs that begin at exact samples of the base machine.

    Args:
        machine: of binary units.
        base: biases [D] of the machine without weights at temperature 0, as `base_bias` gives them.
        key: of all draws.
        betas: inverse temperatures [T] from 0 to 1.
        runs: R, at least 2.
    """
    start_key, run_key = jax.random.split(key)
    shape = (runs, len(base))
    x = (jax.random.uniform(start_key, shape, jnp.float32) < jax.nn.sigmoid(base)[None]).astype(jnp.float32)
    return _estimate(_log_z_of_base(machine, base) + _weights(machine, base, run_key, x, betas), 1)


def downwards(machine: Machine, base: jax.Array, key: jax.Array, betas: jax.Array, x: jax.Array) -> Estimate:
    """log Z of the machine by runs that begin at samples x [R, D] of the machine itself and end at the base machine.

    `betas` [T] rise from 0 to 1, as for `upwards`.
    """
    return _estimate(_weights(machine, base, key, x, betas[::-1]) - _log_z_of_base(machine, base), -1)


def exact(machine: Machine, most: int = 25) -> jax.Array:
    """log Z [], by summing over all 2^H settings of the hidden units.

    Raises ValueError for more than `most` hidden units.
    """
    hidden = machine.kernel.shape[1]
    if hidden > most:
        raise ValueError(f"the partition function is summed for up to {most} hidden units, not {hidden}")
    low = min(hidden, AT_ONCE)
    split = lambda vector: (vector[..., :low], vector[..., low:])
    (kernel, upper_kernel), (bias, upper_bias) = split(machine.kernel), split(machine.hidden_bias)
    settings = lambda numbers, units: (numbers[:, None] >> jnp.arange(units, dtype=jnp.int32)[None] & 1).astype(
        bias.dtype
    )
    block = settings(jnp.arange(2**low, dtype=jnp.int32), low)
    inputs, biased = block @ kernel.T + machine.visible_bias[None], block @ bias  # [2^low, D], [2^low]

    def summed(_, number):
        upper = settings(number[None], hidden - low)[0]
        logs = biased + upper_bias @ upper + jax.nn.softplus(inputs + (upper_kernel @ upper)[None]).sum(-1)
        return (), jax.nn.logsumexp(logs)

    blocks = jnp.arange(2 ** (hidden - low), dtype=jnp.int32)
    return jax.nn.logsumexp(jax.lax.scan(summed, (), blocks)[1])


def pseudo_log_likelihood(units: Units, machine: Machine, x: jax.Array, positions: jax.Array) -> jax.Array:
    """sum_d log p(x_d | all other values of x) [B], nats, of x [B, D] with binary visible units (Besag 1975).

    Of a value x between 0 and 1 the term is x log p(1 | rest) + (1 - x) log p(0 | rest), each of which takes a free
    energy. Terms are summed over `positions` [P, B], P of each example, and multiplied by D / P.
    """
    inputs, pixels = hidden_input(units, machine, x), x.shape[1] - units.classes
    kernel, bias = jnp.asarray(machine.kernel), jnp.asarray(machine.visible_bias)

    def add(total, place):
        value, weights = jnp.take_along_axis(x, place[:, None], axis=1), kernel[place]
        black = inputs - value * weights
        sums = [hidden_log_sum(units, machine, each) for each in (black, black + weights)]
        logit = bias[place] + sums[1] - sums[0]
        return total + bernoulli_log_likelihood(logit[:, None], value), None

    total, _ = jax.lax.scan(add, jnp.zeros(len(x), x.dtype), positions)
    return total * (pixels / len(positions))
