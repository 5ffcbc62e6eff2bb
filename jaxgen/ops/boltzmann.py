"""Restricted Boltzmann machines as functions of arrays: energies, free energies, conditionals, Gibbs sampling.

Smolensky 1986; Hinton 2002, https://doi.org/10.1162/089976602760128018; the conventions are those of Hinton 2012,
"A practical guide to training restricted Boltzmann machines", https://doi.org/10.1007/978-3-642-35289-8_32.

p(x, h) = exp(-E(x, h)) / Z with E(x, h) = -a x - b h - s(x) W h, where s(x) = x. Gaussian visible units have
E = |x - a|^2 / (2 sigma^2) - b h - s(x) W h with s(x) = x / sigma; linear hidden units have |h - b|^2 / 2 for -b h.
Counts are how often each of D words stands among N that are drawn from one distribution (Salakhutdinov & Hinton 2009,
https://papers.nips.cc/paper/2009/hash/31839b036f63806cba3f47b93af8ccb5-Abstract.html): the energy is that of binary
units, but for a constant of x, and N is the same for all documents.

B    examples, or chains that run side by side
D    visible units; the last of them may be one softmax unit of C classes
H    hidden units
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.dense import linear


class Machine(NamedTuple):
    """The parameters W, a and b of the energy."""

    kernel: jax.Array  # [D, H]
    visible_bias: jax.Array  # [D]
    hidden_bias: jax.Array  # [H]


class Units(NamedTuple):
    """What the units of a machine are."""

    visible: Literal["binary", "gaussian", "counts"] = "binary"
    hidden: Literal["binary", "linear"] = "binary"
    sigma: float = 1.0  # standard deviation of gaussian visible units
    classes: int = 0  # the last C visible units are one softmax unit: exactly one of them is 1
    words: int = 0  # N, of counts, which add up to it


def statistic(units: Units, x: jax.Array) -> jax.Array:
    """s(x) [..., D], which the weights multiply."""
    return x / units.sigma if units.visible == "gaussian" else x


def hidden_input(units: Units, machine: Machine, x: jax.Array) -> jax.Array:
    """b + s(x) W [B, H] of x [B, D]."""
    return machine.hidden_bias[None] + linear(statistic(units, x), machine.kernel)


def visible_input(units: Units, machine: Machine, h: jax.Array) -> jax.Array:
    """Of h [B, H], logits a + W h of binary visible units and classes, means a + sigma W h of gaussian ones: [B, D]."""
    scale = units.sigma if units.visible == "gaussian" else 1.0
    return machine.visible_bias[None] + scale * (h @ machine.kernel.T)


def hidden_mean(units: Units, machine: Machine, x: jax.Array) -> jax.Array:
    """E[h | x] [B, H]: of binary units the probability of 1."""
    return _hidden_mean(units, hidden_input(units, machine, x))


def _hidden_mean(units, inputs):
    return inputs if units.hidden == "linear" else jax.nn.sigmoid(inputs)


def sample_hidden(units: Units, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """h [B, H] drawn from p(h | x), given `hidden_input`."""
    if units.hidden == "linear":
        return inputs + jax.random.normal(key, inputs.shape, jnp.float32)
    return _bernoulli(key, inputs)


def _bernoulli(key, logits):
    return (jax.random.uniform(key, logits.shape, jnp.float32) < jax.nn.sigmoid(logits)).astype(jnp.float32)


def visible_mean(units: Units, inputs: jax.Array) -> jax.Array:
    """E[x | h] [..., D], given `visible_input` [..., D]."""
    if units.visible == "gaussian":
        return inputs
    if units.visible == "counts":
        return units.words * jax.nn.softmax(inputs)
    if not units.classes:
        return jax.nn.sigmoid(inputs)
    pixels, classes = _split(units, inputs)
    return jnp.concatenate([jax.nn.sigmoid(pixels), jax.nn.softmax(classes)], -1)


def sample_visible(units: Units, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """x [B, D] drawn from p(x | h), given `visible_input`."""
    if units.visible == "gaussian":
        return inputs + units.sigma * jax.random.normal(key, inputs.shape, jnp.float32)
    if units.visible == "counts":
        draw = jax.vmap(lambda key, p: _multinomial(key, p, units.words))
        return draw(jax.random.split(key, len(inputs)), jax.nn.softmax(inputs))
    if not units.classes:
        return _bernoulli(key, inputs)
    pixel_key, class_key = jax.random.split(key)
    pixels, classes = _split(units, inputs)
    label = jax.random.categorical(class_key, classes)
    return jnp.concatenate([_bernoulli(pixel_key, pixels), jax.nn.one_hot(label, units.classes, dtype=jnp.float32)], -1)


def _multinomial(key, p, count):
    """How often each of D values of probabilities p [D] occurs among `count` draws: [D].

    By sorting the draws and looking up the sums of p among them: D log(count) steps.
    """
    draws = jnp.sort(jax.random.uniform(key, (count,), jnp.float32))
    ends = jnp.cumsum(p).at[-1].set(1.0)  # whatever the rounding of the sum
    below = jnp.searchsorted(draws, ends, side="left").astype(jnp.float32)
    return jnp.diff(below, prepend=0.0)


def _split(units, x):
    pixels = x.shape[-1] - units.classes
    return x[..., :pixels], x[..., pixels:]


def energy(units: Units, machine: Machine, x: jax.Array, h: jax.Array) -> jax.Array:
    """E(x, h) [B] of x [B, D] and h [B, H]."""
    coupling = (hidden_input(units, machine, x) - machine.hidden_bias[None]) * h
    biased = -h @ machine.hidden_bias
    if units.hidden == "linear":
        biased = 0.5 * jnp.square(h - machine.hidden_bias[None]).sum(-1)
    return _visible_energy(units, machine, x) + biased - coupling.sum(-1)


def _visible_energy(units, machine, x):
    if units.visible == "gaussian":
        return 0.5 * jnp.square((x - machine.visible_bias[None]) / units.sigma).sum(-1)
    return -(x @ machine.visible_bias)


def free_energy(units: Units, machine: Machine, x: jax.Array) -> jax.Array:
    """F(x) = -log sum_h exp(-E(x, h)) [B] in nats, of x [B, D]; of linear hidden units the sum is an integral."""
    return _visible_energy(units, machine, x) - hidden_log_sum(units, machine, hidden_input(units, machine, x))


def hidden_log_sum(units: Units, machine: Machine, inputs: jax.Array) -> jax.Array:
    """The part of -F(x) that the hidden units have, [B], given `hidden_input` [B, H]."""
    if units.hidden == "binary":
        return jax.nn.softplus(inputs).sum(-1)
    # The integral of exp(-(h - b)^2 / 2 + (i - b) h) over h is sqrt(2 pi) exp((i^2 - b^2) / 2).
    squares = jnp.square(inputs) - jnp.square(machine.hidden_bias)[None]
    return 0.5 * (squares + jnp.log(2 * jnp.pi)).sum(-1)


def up_down(units: Units, machine: Machine, key: jax.Array, x: jax.Array) -> jax.Array:
    """`visible_input` [B, D] of hidden units that are drawn from p(h | x), for x [B, D]."""
    return visible_input(units, machine, sample_hidden(units, key, hidden_input(units, machine, x)))


def gibbs(units: Units, machine: Machine, key: jax.Array, x: jax.Array) -> jax.Array:
    """One step of Gibbs sampling, x -> h -> x', of chains x [B, D]: [B, D]."""
    hidden_key, visible_key = jax.random.split(key)
    return sample_visible(units, visible_key, up_down(units, machine, hidden_key, x))


def chains(
    units: Units, machine: Machine, key: jax.Array, x: jax.Array, steps: int | jax.Array, fixed: Any = None
) -> jax.Array:
    """x [B, D] after `steps` steps of Gibbs sampling; step n has the key `fold_in(key, n)`.

    Values where `fixed` ([D] or [B, D] bool) stay as they are: what is drawn is conditional on them.
    """

    def advance(n, now):
        after = gibbs(units, machine, jax.random.fold_in(key, n), now)
        return after if fixed is None else jnp.where(fixed, x, after)

    return jax.lax.fori_loop(0, steps, advance, x)


def class_log_probabilities(units: Units, machine: Machine, pixels: jax.Array) -> jax.Array:
    """log p(class | pixels) [B, C] of a machine whose last visible units are classes, for pixels [B, D - C].

    From the free energies of all pairs, whose terms of the pixels are computed once: Hinton, Osindero & Teh 2006,
    https://doi.org/10.1162/neco.2006.18.7.1527.
    """
    inputs = machine.hidden_bias[None] + pixels @ machine.kernel[: -units.classes]
    each = inputs[:, None] + machine.kernel[None, -units.classes :]  # [B, C, H]
    negative = machine.visible_bias[None, -units.classes :] + jax.nn.softplus(each).sum(-1)
    return jax.nn.log_softmax(negative)


def contrastive(units: Units, machine: Machine, x: jax.Array, negative: jax.Array) -> jax.Array:
    """mean F(x) - mean F(x') [], whose gradient is contrastive divergence's where x' [B, D] has come from a chain.

    No gradient passes through x'. That of W is the mean of -s(x) E[h | x]^T + s(x') E[h | x']^T: probabilities of the
    hidden units take the place of their draws, as section 3 of the guide says.
    """
    # Not one product for both: that of x is also the first of a chain that begins there, and computed once.
    free = lambda x: free_energy(units, machine, x).mean()
    return free(x) - free(jax.lax.stop_gradient(negative))
