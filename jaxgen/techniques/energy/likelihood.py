"""The log-likelihood of a machine of binary units on held-out examples: -log p(x) = F(x) + log Z, in nats.

log Z is estimated by annealed importance sampling from both sides, and summed where there are few hidden units, once
for a whole evaluation. See `ops.annealed_importance`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxgen.core.folds import classified
from jaxgen.core.types import Fold, Refused
from jaxgen.ops import annealed_importance, boltzmann
from jaxgen.techniques.energy.learning import Model, learnt

SUMMED = 20  # hidden units whose 2^H settings are summed as well
SETTLED = 1000  # steps of Gibbs sampling from held-out examples to where sampling downwards begins


def fold(model: Model, temperatures: int, runs: int) -> Fold:
    """The Fold, whose first metric is the exact one where there are at most SUMMED hidden units.

    Raises Refused for units that are not binary, a softmax unit of classes included.
    """
    units, hidden = model.units, model.hidden
    if (units.visible, units.hidden, units.classes) != ("binary", "binary", 0):
        raise Refused("--temperatures is for machines of binary pixels and hidden units, without classes")
    betas = jnp.asarray(annealed_importance.temperatures(temperatures))

    def constants(state, key, x, mask):
        """log Z [4]: upwards, its standard error, downwards, exact or 0."""
        up_key, settle_key, down_key = jax.random.split(key, 3)
        machine = learnt(model, state)
        mean = jnp.sum(jnp.where(mask[:, None], x, 0.0), 0) / mask.sum()
        base = annealed_importance.base_bias(mean)
        up = annealed_importance.upwards(machine, base, up_key, betas, runs)
        # Of an incomplete batch the examples that only fill it up are not used.
        begun = x[jnp.arange(runs) % mask.sum(dtype=jnp.int32)]
        settled = boltzmann.chains(units, machine, settle_key, begun, SETTLED)
        down = annealed_importance.downwards(machine, base, down_key, betas, settled)
        exact = annealed_importance.exact(machine) if hidden <= SUMMED else jnp.zeros((), jnp.float32)
        return jnp.stack([up.log_z, up.error, down.log_z, exact])

    def start():
        zero = jnp.zeros((), jnp.float32)
        return {"log_z": jnp.zeros(4, jnp.float32), "free_energy": zero, "count": zero}

    def add(state, key, tally, batch, mask):
        see_key, anneal_key = jax.random.split(key)
        x = model.see(state.carry, see_key, batch)
        first = tally["count"] == 0
        log_z = jax.lax.cond(first, lambda: constants(state, anneal_key, x, mask), lambda: tally["log_z"])
        free = jnp.sum(jnp.where(mask, boltzmann.free_energy(units, learnt(model, state), x), 0.0))
        count = tally["count"] + mask.sum(dtype=jnp.float32)
        return {"log_z": log_z, "free_energy": tally["free_energy"] + free, "count": count}

    def finish(tally):
        up, error, down, exact = tally["log_z"]
        free = tally["free_energy"] / tally["count"]
        values = {"nll_exact": free + exact, "nll": free + up, "nll_error": error, "nll_downwards": free + down}
        return {name: values[name] for name in definitions}

    annealed = f"{temperatures:,} temperatures, {runs} runs"
    of = f", nats per example; {model.definition}"
    definitions = {
        "nll": f"F(x) + log Z, which is -log p(x); log Z by annealed importance sampling upwards, {annealed}{of}",
        "nll_error": f"standard error of that log Z, from the weights of the {runs} runs, nats",
        "nll_downwards": f"likewise, by sampling downwards from {SETTLED:,} steps of Gibbs sampling after held-out "
        f"examples, {annealed}{of}",
    }
    if hidden <= SUMMED:
        exact_text = f"F(x) + log Z, which is -log p(x); log Z summed over all settings of {hidden} hidden units{of}"
        definitions = {"nll_exact": exact_text, **definitions}
    return Fold(start, add, finish, definitions)


def accuracy_fold(model: Model, labels: Sequence[str]) -> Fold:
    """The Fold of a labelled machine as a classifier: p(class | x) from the free energies of x with each class."""
    classes = model.units.classes

    def log_probabilities(state, batch):
        x = model.see(state.carry, None, batch)[:, : model.visible - classes]
        return boltzmann.class_log_probabilities(model.units, learnt(model, state), x)

    return classified(log_probabilities, labels)
