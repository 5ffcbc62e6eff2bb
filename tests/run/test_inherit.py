"""Which arrays of another State a stage starts from, and what is said where they do not fit."""

import chex
import jax
import jax.numpy as jnp
import pytest
import toys

from jaxgen.core import loop
from jaxgen.core.steps import begin
from jaxgen.core.types import Source, Stage
from jaxgen.optim.textbook import adam
from jaxgen.run.inherit import adopting, mismatch


def small(seed, shape=(4, 3), classes=2, carry=("batch_stats",), depth=2, dtype=jnp.float32):
    """A State of dense layers and a head, with running statistics of each."""
    keys = iter(jax.random.split(jax.random.key(seed), 20))
    layer = lambda *shape: {"bias": jnp.zeros(shape[-1]), "kernel": jax.random.normal(next(keys), shape, dtype)}
    params = {f"layer{n}": layer(*shape) for n in range(1, depth + 1)} | {"head": layer(shape[-1], classes)}
    mean = {name: {"mean": jax.random.normal(next(keys), (p["kernel"].shape[-1],))} for name, p in params.items()}
    mean = {"batch_stats": mean} if carry else mean
    return begin(next(keys), params, adam(0.1), mean)


def adopted(previous, anew=(), **others):
    init = lambda key: small(1, **others)
    stage = Stage(toys.mean_of(6)._replace(init=init), Source((), None), 1, adopt=adopting(init, anew))
    return loop.first_state(stage, jax.random.key(0), previous=previous)


@pytest.mark.parametrize("carry", [("batch_stats",), ()], ids=["collections", "names"])
def test_parameters_and_carry_are_taken_but_for_what_starts_anew(carry):
    previous, fresh = small(0, carry=carry), small(1, carry=carry)
    previous = previous._replace(step=jnp.int32(7), opt=jax.tree.map(lambda leaf: leaf + 1, previous.opt))
    whole, part = adopted(previous, carry=carry), adopted(previous, ["head"], carry=carry)
    chex.assert_trees_all_equal((whole.params, whole.carry), (previous.params, previous.carry))
    inner = lambda tree: tree["batch_stats"] if carry else tree
    for state in (part.params, inner(part.carry)), (whole.params, inner(whole.carry)):
        assert [list(tree) for tree in state] == [["head", "layer1", "layer2"]] * 2
    for name, expected in ("layer1", previous), ("layer2", previous), ("head", fresh):
        chex.assert_trees_all_equal(part.params[name], expected.params[name])
        chex.assert_trees_all_equal(inner(part.carry)[name], inner(expected.carry)[name])
    for state in (whole, part):
        assert int(state.step) == 0
        chex.assert_trees_all_equal(state.opt, fresh.opt)


def test_what_starts_anew_may_have_another_shape():
    part = adopted(small(0, classes=5), ["head"], classes=3)
    assert part.params["head"]["kernel"].shape == (3, 3)
    chex.assert_trees_all_equal(part.params["layer1"], small(0, classes=5).params["layer1"])


MISMATCHES = {
    "the same": ({}, (), ""),
    "its shape": (dict(shape=(4, 5)), (), "head.kernel is [3, 2] there and [5, 2] here"),
    "the first in order": (dict(shape=(4, 5)), ["head"], "layer1.bias is [3] there and [5] here"),
    "its input": (dict(shape=(6, 3)), (), "layer1.kernel is [4, 3] there and [6, 3] here"),
    "its output": (dict(classes=9), (), "head.bias is [2] there and [9] here"),
    "names further down": (dict(classes=9), ["bias", "kernel"], "head.bias is [2] there and [9] here"),
    "its output, anew": (dict(classes=9), ["head"], ""),
    "a layer more": (dict(depth=3), (), "it has no layer3.bias"),
    "a layer more, anew": (dict(depth=3), ["layer3"], ""),
    "a layer less": (dict(depth=1), (), "it has layer2.bias, which this network has not"),
    "a layer less, without": (dict(depth=1), ["layer2"], ""),
    "its type": (dict(dtype=jnp.bfloat16), (), "head.kernel is float32[3, 2] there and bfloat16[3, 2] here"),
    "its statistics": (dict(carry=()), (), "it has no head.mean"),
}


@pytest.mark.parametrize(
    "name", [name if n < 3 else pytest.param(name, marks=pytest.mark.ci) for n, name in enumerate(MISMATCHES)]
)
def test_the_first_mismatch_is_named(name):
    others, anew, says = MISMATCHES[name]
    assert mismatch(small(0), jax.eval_shape(lambda: small(1, **others)), anew) == says


def test_a_network_that_is_one_array():
    there = toys.mean_of(3).init(jax.random.key(0))
    assert mismatch(there, toys.mean_of(6).init(jax.random.key(0))) == "params is [3] there and [6] here"
