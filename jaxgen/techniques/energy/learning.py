"""How a restricted Boltzmann machine learns: contrastive divergence, from the data or from persistent chains.

Hinton 2002, https://doi.org/10.1162/089976602760128018; persistent chains: Tieleman 2008,
https://doi.org/10.1145/1390156.1390290; centred units: Montavon & Mueller 2012,
https://doi.org/10.1007/978-3-642-35289-8_33, and Melchior et al. 2016, https://jmlr.org/papers/v17/14-237.html.

CD-k descends F(x) - F(x'), where x' comes from k steps of Gibbs sampling and is a constant to the gradient. The centred
gradient is that of the same machine written as E = -a' (x - mu) - b' (h - lambda) - (x - mu) W (h - lambda), where the
offsets mu and lambda are moving averages of the units' means over data; x and 1 - x are then learnt alike.

B examples, and chains; D visible units; H hidden units; C classes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Refused, State
from jaxgen.ops import boltzmann
from jaxgen.ops.annealed_importance import pseudo_log_likelihood
from jaxgen.ops.averages import decayed, ramped
from jaxgen.ops.boltzmann import Machine, Units
from jaxgen.ops.reconstruction import squared_error
from jaxgen.ops.sparsity import kl_to_target

SCALE = 0.01  # standard deviation of the first weights, as section 8 of Hinton's guide says
FOLLOW = 0.01  # how far an update moves the offsets to the batch's means, as Melchior et al. do
FLIPPED = 10  # visible units, drawn for each example, whose conditionals stand for all in the pseudo-likelihood


@dataclasses.dataclass(frozen=True)
class Learning:
    """What all machines have."""

    k: int = knob(
        1, "steps of Gibbs sampling from the data, or from the chains, to what is learnt against", lower=1, upper=10**6
    )
    chains: Literal["data", "persistent"] = knob(
        "data", "where these steps begin: at the batch's images (CD), or where they ended in the update before (PCD)"
    )
    centred: bool = knob(
        True, "subtract from each unit its mean over data, which makes learning indifferent to x or 1 - x"
    )
    sparsity: float = knob(
        0.0, "weight of the KL divergence from --target to a hidden unit's mean activation", lower=0.0
    )
    target: float = knob(0.1, "mean activation that --sparsity pulls to", above=0.0, upper=0.999)
    average: float = knob(
        0.999,
        "decay of the average of the parameters that is tested and sampled; 0: the last ones",
        lower=0.0,
        upper=0.999999,
    )
    learning_rate: float = knob(0.05, "of the optimiser", above=0.0)


class Model(NamedTuple):
    """A machine and what it models."""

    learning: Learning
    units: Units
    visible: int  # D
    hidden: int  # H
    chains: int  # B, of persistent ones
    # carry, key, batch -> what the visible units are [B, D]: drawn where values are probabilities, and there is a key
    see: Callable[[Any, jax.Array | None, Any], jax.Array]
    definition: str  # of that
    # carry, visible units without classes [B, ...] -> images [B, D of the lowest machine]; None: they are images
    down: Callable[[Any, jax.Array], jax.Array] | None = None


def learnt(model: Model, state: State) -> Machine:
    """The machine that is tested, sampled and built upon: the average where there is one."""
    return Machine(**(state.carry["average"] if model.learning.average else state.params))


def centred(gradient: Machine, visible_offset: jax.Array, hidden_offset: jax.Array, scale: float = 1.0) -> Machine:
    """The centred gradient from the gradient with offsets mu [D] and lambda [H], as Melchior et al. have it.

    With T the linear map from (W, a', b') to (W, a, b), a = a' - W lambda and b = b' - W^T mu, it is T T^T g. `scale`
    is sigma of gaussian visible units, for which a = a' - sigma W lambda.
    """
    g, a, b = gradient
    kernel = g - scale * a[:, None] * hidden_offset[None] - visible_offset[:, None] * b[None]
    return Machine(kernel, a - scale * (kernel @ hidden_offset), b - visible_offset @ kernel)


def first_weights(key: jax.Array, visible: int, hidden: int) -> dict[str, jax.Array]:
    """The params of a machine before it learns: small random weights, no biases."""
    kernel = SCALE * jax.random.normal(key, (visible, hidden), jnp.float32)
    biases = {"visible_bias": jnp.zeros(visible, jnp.float32), "hidden_bias": jnp.zeros(hidden, jnp.float32)}
    return {"kernel": kernel, **biases}


def first_state(model: Model, key: jax.Array, optimizer: Any) -> State:
    """Offsets of 0, and chains of random values, beside `first_weights`."""
    state_key, kernel_key, chain_key = jax.random.split(key, 3)
    learning, shape = model.learning, (model.visible, model.hidden)
    params = first_weights(kernel_key, *shape)
    carry = dict[str, Any]()
    if learning.centred:
        zeros = [jnp.zeros(units, jnp.float32) for units in shape]  # until the first update, which sets them
        carry |= dict(zip(("visible_offset", "hidden_offset"), zeros))
    if learning.chains == "persistent":
        start = jnp.zeros((model.chains, model.visible), jnp.float32)
        carry["chains"] = boltzmann.sample_visible(model.units, chain_key, start)
    if learning.average:
        carry["average"] = jax.tree.map(jnp.copy, params)
    return begin(state_key, params, optimizer, carry)


def step(model: Model, optimizer: Any) -> Callable[[State, Any], tuple[State, Any]]:
    """One update, of params, offsets, chains and the average.

    Raises Refused where a batch has not as many examples as there are chains.
    """
    learning, units = model.learning, model.units

    def loss(params, carry, key, x):
        machine, chain_key = Machine(**params), jax.random.split(key)[1]
        begun = carry["chains"] if learning.chains == "persistent" else x
        if len(begun) != len(x):
            raise Refused(f"a batch of {len(x)} examples cannot be learnt with {len(begun)} chains: one a chain")
        negative = jax.lax.stop_gradient(boltzmann.chains(units, machine, chain_key, begun, learning.k))
        difference: jax.Array = boltzmann.contrastive(units, machine, x, negative)
        penalty: Any = 0.0
        if learning.sparsity:
            mean = boltzmann.hidden_mean(units, machine, x).mean(0)
            penalty = learning.sparsity * kl_to_target(mean, learning.target)
        metrics = {"free_energy_difference": difference, "chain_distance": squared_error(negative, x).mean()}
        carry = carry | {"chains": negative} if learning.chains == "persistent" else carry
        return difference + penalty, (carry, metrics)

    def offsets(state, x):
        """Both, moved to the means of this batch: in the first update all the way, as nothing is known before."""
        share = jnp.maximum(FOLLOW, 1.0 / (state.step + 1.0))
        hidden = boltzmann.hidden_mean(units, Machine(**state.params), x)
        means = {"visible_offset": boltzmann.statistic(units, x).mean(0), "hidden_offset": hidden.mean(0)}
        return {name: decayed(state.carry[name], mean, 1.0 - share) for name, mean in means.items()}

    def descent(moved):
        """The optimiser, which receives the centred gradient."""

        def update(gradient, opt, params=None, **extra):
            gradient = centred(Machine(**gradient), moved["visible_offset"], moved["hidden_offset"], scale)._asdict()
            return optax.with_extra_args_support(optimizer).update(gradient, opt, params, **extra)

        return optax.GradientTransformationExtraArgs(optimizer.init, update)

    scale = units.sigma if units.visible == "gaussian" else 1.0

    def advance(state, batch):
        see_key, _ = jax.random.split(jax.random.fold_in(state.key, state.step))  # the other one draws the chain
        x = model.see(state.carry, see_key, batch)
        moved = offsets(state, x) if learning.centred else {}
        after, metrics = gradient_step(loss, descent(moved) if learning.centred else optimizer)(state, x)
        carry = after.carry | moved
        if learning.average:
            decay = ramped(learning.average, state.step.astype(jnp.float32))
            carry = carry | {"average": decayed(state.carry["average"], after.params, decay)}
        return after._replace(carry=carry), metrics

    return advance


def evaluation(model: Model) -> Fold:
    """The Fold of one machine: the pseudo-likelihood where all units are binary, and what it reconstructs."""
    units = model.units
    pixels = model.visible - units.classes

    def measure(state, key, batch):
        see_key, flip_key = jax.random.split(key)
        machine, x = learnt(model, state), model.see(state.carry, see_key, batch)
        h = boltzmann.hidden_mean(units, machine, x)
        mean = boltzmann.visible_mean(units, boltzmann.visible_input(units, machine, h))
        errors = squared_error(mean[:, :pixels], x[:, :pixels])
        free = boltzmann.free_energy(units, machine, x)
        if units.visible == "binary":
            positions = jax.random.randint(flip_key, (FLIPPED, len(x)), 0, pixels, jnp.int32)
            return -pseudo_log_likelihood(units, machine, x, positions), errors, free
        return errors, free

    of = f"; {model.definition}"
    definitions = {
        "squared_error": "sum over the visible units of (x - E[x | E[h | x]])^2, mean over examples" + of,
        "free_energy": "-log of the sum of exp(-E(x, h)) over h, nats per example; log Z is missing" + of,
    }
    if units.visible == "binary":
        text = f"cross-entropy of each of {pixels} visible units given the others, summed; from {FLIPPED} drawn; nats"
        definitions = {"pseudo_nll": text + of, **definitions}
    return averaged(measure, definitions)
