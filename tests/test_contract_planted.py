"""Each promise of the contract notices when it is broken."""

import dataclasses

import contract
import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import planted_game
import pytest
from jax.experimental import io_callback
from jax.interpreters import mlir
from lowered import lowers_for_accelerators

from jaxgen.core.config import knob
from jaxgen.run.flags import RunFlags
from jaxgen.study import surfaces

pytestmark = [pytest.mark.ci, pytest.mark.xdist_group("planted")]

game = planted_game.tiny()["game"]
GOOD = surfaces.tiny()["surface_quadratic"]  # the quickest to compile


def stepped(change):
    """GOOD with its step changed: change(State, batch, new State, metrics) -> (State, metrics)."""
    return GOOD._replace(step=lambda state, batch: change(state, batch, *GOOD.step(state, batch)))


COUNTER = iter(range(10**6))


def counts_outside(state, batch, after, metrics):
    """Depends on how often it was traced: an iterator's past."""
    return after._replace(params=jax.tree.map(lambda p: p + jnp.float32(next(COUNTER)), after.params)), metrics


@jax.custom_batching.custom_vmap
def alone_or_not(x):
    return x


@alone_or_not.def_vmap
def _(axis_size, in_batched, x):
    return x + 1.0, in_batched[0]


def looks_around(state, batch, after, metrics):
    return after._replace(params=jax.tree.map(alone_or_not, after.params)), metrics


def forgets_rate(state, batch, after, metrics):
    return after._replace(params=jax.tree.map(lambda p: p * 0.999, after.params)), metrics


def grows(state, batch, after, metrics):
    return after._replace(carry=(*state.carry, jnp.zeros(()))), metrics


def diverges(state, batch, after, metrics):
    return after._replace(params=jax.tree.map(lambda p: p / jnp.float32(3 - after.step), after.params)), metrics


def stands_still(state, batch, after, metrics):
    return after._replace(params=state.params, opt=state.opt), metrics


def loses_count(state, batch, after, metrics):
    return after._replace(step=state.step), metrics


def changes_key(state, batch, after, metrics):
    return after._replace(key=jax.random.fold_in(after.key, after.step)), metrics


def ignores_key(key):
    return GOOD.init(jax.random.key(0))


def inferring(function):
    """GOOD with one `infer` function."""
    return GOOD._replace(infer={"f": function}, inputs=lambda key: {"f": jnp.ones(3)})


on_cpu_alone = jax.extend.core.Primitive("on_cpu_alone")
on_cpu_alone.def_abstract_eval(lambda x: x)
mlir.register_lowering(on_cpu_alone, mlir.lower_fun(jnp.negative, multiple_results=False), platform="cpu")


def of_a_cpu(state, key, x):
    """x [3] -> [3]."""
    return on_cpu_alone.bind(x)


def undocumented(state, key, x):
    return x


def not_finite(state, key, x):
    """x [3] -> [3]."""
    return x / 0.0


def looks_at_neighbours(state, key, x):
    """x [3] -> [3]."""
    return alone_or_not(x)


PLANTED = [
    (contract.chunked_equals_unchunked, stepped(loses_count)),
    (contract.chunked_equals_unchunked, stepped(counts_outside)),
    (contract.seeds_train_side_by_side, stepped(looks_around)),
    (contract.one_trace_serves_all_steps, stepped(grows)),
    (
        contract.examples_have_the_first_axis,
        GOOD._replace(example=lambda key: {"noise": jnp.ones((3, 2)), "scale": 1.0}),
    ),
    (contract.examples_have_the_first_axis, game._replace(shared=())),
    (contract.numbers_stay_finite, stepped(diverges)),
    (contract.same_key_same_result, GOOD._replace(init=ignores_key)),
    (contract.same_key_same_result, stepped(changes_key)),
    (contract.objective_improves, stepped(stands_still)),
    (contract.learning_rates_are_state, stepped(forgets_rate)),
    (contract.learning_rates_are_state, GOOD._replace(init=lambda key: GOOD.init(key)._replace(opt=()))),
    (contract.inference_takes_one_example, GOOD._replace(inputs=lambda key: {})),
    (contract.inference_takes_one_example, inferring(undocumented)),
    (contract.inference_takes_one_example, inferring(not_finite)),
    (contract.inference_takes_one_example, inferring(looks_at_neighbours)),
    (lowers_for_accelerators, inferring(of_a_cpu)),
]


@pytest.mark.parametrize(("check", "technique"), PLANTED, ids=[check.__name__ for check, _ in PLANTED])
def test_planted_violations_are_caught(check, technique):
    with pytest.raises(AssertionError):
        check(technique)


@dataclasses.dataclass(frozen=True)
class Clash:
    seed: int = knob(0, "twice")


@dataclasses.dataclass(frozen=True)
class NoFlag:
    widths: tuple[int, ...] = knob((1,), "of the layers")


@pytest.mark.parametrize("config", [Clash, NoFlag])
def test_flags_that_do_not_fit_are_caught(config):
    with pytest.raises(AssertionError):
        contract.flags_fit_every_experiment(config, RunFlags)


def remembers(state, batch, after, metrics):
    """Depends on how often it has run."""
    count = io_callback(lambda: np.float32(next(COUNTER)), jax.ShapeDtypeStruct((), jnp.float32))
    return after._replace(params=jax.tree.map(lambda p: p + 1e-3 * count, after.params)), metrics


def test_a_state_that_is_not_all_is_caught(tmp_path):
    with pytest.raises(AssertionError, match="gives other bytes"):
        contract.saved_and_restored_is_the_same(stepped(remembers), tmp_path)
