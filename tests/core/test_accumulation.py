"""An update from the parts of a batch is the update from the whole, and what cannot be taken apart is refused."""

import chex
import jax
import jax.numpy as jnp
import pytest
import toys

from jaxgen.core.accumulation import accumulated, collecting
from jaxgen.core.types import Refused
from jaxgen.data.text.reading import Reading
from jaxgen.optim.registry import find
from jaxgen.optim.settings import Settings, chosen
from jaxgen.optim.textbook import adam
from jaxgen.techniques.adversarial import gan
from jaxgen.techniques.imagery import visualize
from jaxgen.techniques.text import lstm
from jaxgen.techniques.vision import mlp

KEY = jax.random.key(0)


def both(make, parts, optimizer=adam, count=3, batch=None):
    """State and metrics after `count` updates of one batch: of the whole, and of parts."""
    whole, apart = make(optimizer), accumulated(make(lambda rate: collecting(optimizer(rate), parts)), parts)
    batch = whole.example(jax.random.key(1)) if batch is None else batch
    states = []
    for technique in (whole, apart):
        step, state = jax.jit(technique.step), jax.jit(technique.init)(KEY)
        for _ in range(count):
            state, metrics = step(state, batch)
        states.append((state, metrics))
    return states


def text(optimizer):
    config = lstm.Config(vocabulary=tuple("abcdef"), batch=4, reading=Reading(context=8), width=8)
    return lstm.make(config, optimizer)


def clipped(rate):
    return chosen("adam", Settings(clip_norm=0.01, l2=0.1))(rate)


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        (lambda optimizer: mlp.make(mlp.Config(shape=(3, 3, 1), labels=tuple("ab"), hidden="8"), optimizer), adam),
        (text, clipped),  # hidden states are streams: each part has its own
    ],
)
def test_parts_are_the_whole(make, optimizer):
    (whole, metrics), (apart, others) = both(make, 2, optimizer)
    chex.assert_trees_all_close((whole.params, whole.carry), (apart.params, apart.carry), rtol=0, atol=1e-6)
    chex.assert_trees_all_equal_shapes_and_dtypes(whole.opt, apart.opt.inner)
    assert int(apart.step) == int(whole.step) == 3
    assert others.keys() == metrics.keys()
    chex.assert_trees_all_close(metrics, others, rtol=1e-4, atol=1e-6)


def test_each_part_has_randomness_of_its_own_and_the_same_in_each_run():
    noisy = lambda optimizer: toys.mean_of(6, noise=1.0, optimizer=optimizer)
    batch = {"x": jnp.ones((4, 6))}  # equal rows: but for the noise, the gradient is that of any one
    (whole, _), (apart, _) = both(noisy, 4, batch=batch)
    (_, _), (again, _) = both(noisy, 4, batch=batch)
    chex.assert_trees_all_equal(apart.params, again.params)
    assert jnp.abs(apart.params - whole.params).max() > 1e-4


def test_outside_of_a_step_in_parts_nothing_is_collected():
    plain, collected = (toys.mean_of(6, optimizer=each) for each in (adam, lambda rate: collecting(adam(rate), 3)))
    ours, theirs = (each.step(each.init(KEY), each.example(KEY))[0] for each in (plain, collected))
    chex.assert_trees_all_equal(ours.params, theirs.params)
    chex.assert_trees_all_equal(ours.opt, theirs.opt.inner)


def test_what_cannot_be_taken_apart_is_refused():
    some = lambda rate: collecting(adam(rate), 3)
    with pytest.raises(Refused, match="--accumulate=3 is for techniques of one optimiser, and this one has 2"):
        accumulated(next(iter(gan.tiny(some).values())), 3)
    with pytest.raises(Refused, match="and this one has none"):
        accumulated(toys.mean_of(6), 3)
    with pytest.raises(Refused, match="this one evaluates the loss itself"):
        accumulated(toys.mean_of(6, optimizer=lambda rate: collecting(find("optax.lbfgs").factory(rate), 2)), 2)
    images = accumulated(visualize.tiny(lambda rate: collecting(adam(rate), 2))["visualize"], 2)
    with pytest.raises(Refused, match="--accumulate=2: this technique needs its batch whole"):
        jax.eval_shape(images.step, images.init(KEY), images.example(KEY))
    technique = accumulated(toys.mean_of(6, optimizer=some), 3)
    with pytest.raises(Refused, match=r"--accumulate=3 must divide a batch, and this one has an array \[4, 6\]"):
        jax.eval_shape(technique.step, technique.init(KEY), {"x": jnp.ones((4, 6))})
