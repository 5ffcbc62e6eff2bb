"""Every optimiser of ours keeps what techniques promise; so does one of optax's, whose state has random keys."""

import contract
import jax
import jax.numpy as jnp
import pytest
from jax.flatten_util import ravel_pytree

from jaxgen.core.types import State, Technique
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.techniques.vision import classifier, mlp

CONFIG = mlp.Config(shape=(3, 3, 1), labels=("a", "b"), hidden="4")
NAMES = [*OPTIMIZERS, "optax.noisy_sgd"]


def side_by_side(names):
    """A classifier for each optimiser, its parameters one array, all in one State.

    One gradient and one program for all, as compiling is what takes the time.
    """
    network, loss = mlp.make(CONFIG), classifier.training_loss(mlp.network(CONFIG))
    _, unravel = ravel_pytree(contract.jitted(network.init)(contract.KEY).params)
    entries = [find(name) for name in names]
    optimizers = [entry.factory(entry.rate) for entry in entries]

    def init(key):
        params, _ = ravel_pytree(network.init(key).params)
        params = jnp.stack([params] * len(names))
        return State(jnp.zeros((), jnp.int32), key, params, [each.init(params[0]) for each in optimizers])

    def step(state, batch):
        key = jax.random.fold_in(state.key, state.step)
        of = lambda params: loss(unravel(params), (), key, batch)[0]
        values, grads = jax.vmap(jax.value_and_grad(of))(state.params)
        found = [each.update(g, own, p) for each, g, own, p in zip(optimizers, grads, state.opt, state.params)]
        params = state.params + jnp.stack([updates for updates, _ in found])
        return State(state.step + 1, state.key, params, [own for _, own in found]), dict(zip(names, values))

    return Technique(init, step, network.evaluate, {}, network.example, lambda key: {})


def named(check, names, together, *rest):
    """Runs the check over all of them at once; where it fails, over one after the other, to name the first."""
    try:
        check(together, *rest)
    except AssertionError as error:
        for name in names:
            try:
                check(side_by_side([name]), *rest)
            except AssertionError as of_one:
                raise AssertionError(f"{name}: {of_one}") from error
        raise


CHECKS = [
    contract.chunked_equals_unchunked,
    contract.seeds_train_side_by_side,
    contract.one_trace_serves_all_steps,
    contract.numbers_stay_finite,
    contract.same_key_same_result,
    contract.learning_rates_are_state,
]


@pytest.fixture(scope="module")
def together():
    return side_by_side(NAMES)


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_contract(check, together):
    named(check, NAMES, together)


@pytest.mark.ci
def test_saved_and_restored(together, tmp_path):
    named(contract.saved_and_restored_is_the_same, NAMES, together, tmp_path)


def test_they_learn(together):
    """Each at its published rate, from the same parameters."""
    state, batch = contract.start(together)
    step, losses = contract.jitted(together.step), []
    for _ in range(60):
        state, metrics = step(state, batch)
        losses.append(metrics)
    for name in NAMES:
        assert float(losses[-1][name]) < float(losses[0][name]) - 1e-3, name


@pytest.mark.ci
def test_the_one_that_breaks_a_promise_is_named():
    def check(technique):
        state = jax.eval_shape(technique.init, contract.KEY)
        assert all(len(each.slots) < 2 for each in state.opt), "broken"

    names = ["sgd", "lion", "adam"]
    with pytest.raises(AssertionError, match=r"^adam: broken"):
        named(check, names, side_by_side(names))
