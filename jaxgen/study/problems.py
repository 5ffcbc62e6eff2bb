"""What a study trains: a task with its data on the device, and the runs of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.batches import arrays_of
from jaxgen.core.progress import Policy, is_rate
from jaxgen.core.types import Holdout, Refused, Source, State, Technique


class Problem(NamedTuple):
    """A task ready for training. Splits are resident: runs side by side read different batches of the same arrays."""

    name: str  # classifier, vae:mlp, beale
    make: Callable[[Callable[[float], optax.GradientTransformation]], Technique]  # a factory of the rate -> Technique
    factory: Callable[[str], Callable[[float], optax.GradientTransformation]]  # an optimiser's name -> that factory
    train: Source
    valid: Holdout
    test: Holdout
    steps: int
    every: int  # updates between validations
    policy: Policy = Policy()
    judged: str = "test"  # the split that `test` is: "valid" where the data have no other


class Trial(NamedTuple):
    """One run, but for its optimiser: what a study vmaps over."""

    rate: float
    seed: int  # what `--seed` is to an experiment: the same first parameters, batches and random numbers


def checked(problem: Problem) -> Problem:
    """The problem. Raises Refused where it has no objective to compare by, or its data do not fit on the device."""
    fold = problem.make(problem.factory("sgd")).evaluate
    if not fold.definitions:
        raise Refused(f"{problem.name} has no objective: a study has nothing to compare by")
    if problem.train.fetch or problem.valid.fetch or problem.test.fetch:
        raise Refused(f"the data of {problem.name} do not fit in --resident_mb: a study holds them in memory")
    return problem


def split_arrays(problem: Problem) -> tuple[Any, Any, Any]:
    """What compiled programs read of the training, validation and test split: the `core.batches.arrays_of` each."""
    return arrays_of(problem.train), arrays_of(problem.valid), arrays_of(problem.test)


def set_rates(opt: Any, rate: jax.Array) -> Any:
    """The optimiser's state with every learning rate in it at `rate` []."""

    def put(path, leaf):
        return jnp.broadcast_to(jnp.asarray(rate, leaf.dtype), leaf.shape) if is_rate(path) else leaf

    return jax.tree_util.tree_map_with_path(put, opt)


def state_at_rate(technique: Technique, key: jax.Array, rate: jax.Array) -> State:
    """A run's first State, the one that `loop.train` with this stage's first key begins with, at `rate`."""
    state = technique.init(key)
    return state._replace(opt=set_rates(state.opt, rate))


def byte_count(tree: Any) -> int:
    """Bytes of the arrays, or of their shapes; PRNG keys do not count."""
    plain = [leaf for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in plain)
