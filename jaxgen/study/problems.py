"""What a study trains: a task made ready, and the runs of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.progress import Policy, is_rate
from jaxgen.core.types import Refused, Source, State, Holdout, Technique


class Problem(NamedTuple):
    """A task made ready to train. Splits are resident: runs side by side read different batches of the same arrays."""

    name: str  # classifier, vae:mlp, surface
    make: Callable[[Callable[[float], optax.GradientTransformation]], Technique]  # a factory of the rate -> Technique
    factory: Callable[[str], Callable[[float], optax.GradientTransformation]]  # an optimiser's name -> that factory
    train: Source
    valid: Holdout
    test: Holdout
    steps: int
    every: int  # updates between validations
    policy: Policy = Policy()


class Trial(NamedTuple):
    """One run, but for its optimiser: what a study vmaps over."""

    rate: float
    seed: int  # what `--seed` is to an experiment: the same first parameters, batches and draws


def checked(problem: Problem) -> Problem:
    """The problem. Raises Refused where it has no objective to compare by, or its data do not fit on the device."""
    fold = problem.make(problem.factory("sgd")).evaluate
    if not fold.definitions or not fold.improves:
        raise Refused(f"{problem.name} has no objective that training must improve: a study cannot compare by it")
    if problem.train.fetch or problem.valid.fetch or problem.test.fetch:
        raise Refused(f"the data of {problem.name} do not fit in --resident_mb: a study holds them in memory")
    return problem


def set_rates(opt: Any, rate: jax.Array) -> Any:
    """The optimiser's state with every learning rate in it at `rate` []."""

    def put(path, leaf):
        return jnp.broadcast_to(jnp.asarray(rate, leaf.dtype), leaf.shape) if is_rate(path) else leaf

    return jax.tree_util.tree_map_with_path(put, opt)


def begun(technique: Technique, key: jax.Array, rate: jax.Array) -> State:
    """A run's first State, the one that `loop.train` with this stage's first key begins with, at `rate`."""
    state = technique.init(key)
    return state._replace(opt=set_rates(state.opt, rate))


def size(tree: Any) -> int:
    """Bytes of the arrays, or of their shapes; PRNG keys do not count."""
    plain = [leaf for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in plain)
