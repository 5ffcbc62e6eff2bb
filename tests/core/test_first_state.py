"""What a stage is before its first update, and what the first one may start from."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core import loop
from jaxgen.core.progress import Policy, begin_progress
from jaxgen.core.types import Source, Stage

KEY = jax.random.key(3)


def run(stages, **options):
    """Every event, its arrays copied before the next chunk takes them over; keys as numbers."""
    events = loop.train(stages, KEY, every=3, **options)
    return [jax.tree.map(jnp.copy, (e.stage, e.step, plain(e.state), e.progress)) for e in events]


def plain(state):
    return state._replace(key=jax.random.key_data(state.key))


def starting(previous, size=6):
    """Adopts `previous`, whose parameters a technique of that size takes over with one added."""
    technique = toys.mean_of(size)

    def adopt(previous, key, arrays):
        return technique.init(key)._replace(params=previous.params + 1.0)

    return Stage(technique, Source(toys.data(), toys.take), 4, adopt=adopt), previous


def test_training_starts_from_the_first_state():
    """In both stages: going on from it gives every later event, to the bit."""
    stages, policy = toys.two_stages((5, 4)), Policy(patience=9)
    whole = run(stages, policy=policy)
    first = loop.first_state(stages[0], KEY)
    assert int(first.step) == 0
    chex.assert_trees_all_equal(run(stages, policy=policy, resume=(0, first, begin_progress(policy, first))), whole)
    *_, last = loop.train(stages[:1], KEY, 3, policy=Policy())
    second = loop.first_state(stages[1], KEY, 1, last.state)
    np.testing.assert_array_equal(second.params[:3], last.state.params)
    begun = begin_progress(Policy(), second)
    chex.assert_trees_all_equal(run(stages, resume=(1, second, begun)), run(stages)[2:])


def test_the_first_stage_adopts_what_training_is_given():
    stage, previous = starting(toys.mean_of(6).init(jax.random.key(8)))
    state, _ = loop.shapes([stage], 0, Policy(), previous)
    assert state.params.shape == (6,)
    first = loop.first_state(stage, KEY, previous=previous)
    np.testing.assert_array_equal(first.params, previous.params + 1.0)
    assert not np.array_equal(*(jax.random.key_data(each.key) for each in (first, previous)))
    begun = (0, first, begin_progress(Policy(), first))
    chex.assert_trees_all_equal(run([stage], previous=previous), run([stage], resume=begun))


def test_what_is_adopted_is_not_donated():
    """All of it handed on as it is: the loop takes over the State's buffers, not the previous one's."""
    stage, previous = starting(toys.mean_of(6).init(jax.random.key(8)))
    before = np.asarray(previous.params).copy()
    run([stage._replace(adopt=lambda previous, key, arrays: previous)], previous=previous)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(previous))
    np.testing.assert_array_equal(previous.params, before)


def test_what_is_adopted_is_an_argument():
    """One trace serves every previous State."""
    stage, _ = starting(None)
    adopt, traces = stage.adopt, []

    def counted(*given):
        traces.append(given)
        return adopt(*given)

    states = [toys.mean_of(6).init(jax.random.key(seed)) for seed in (1, 2)]
    firsts = [loop.first_state(stage._replace(adopt=counted), KEY, previous=each) for each in states]
    assert len(traces) == 1
    for first, each in zip(firsts, states, strict=True):
        np.testing.assert_array_equal(first.params, each.params + 1.0)


@pytest.mark.ci
def test_a_later_stage_adopts_from_the_one_before():
    stages, other = toys.two_stages((5, 4)), toys.mean_of(6).init(jax.random.key(8))
    chex.assert_trees_all_equal(run(stages, previous=other), run(stages))
    one, _ = loop.shapes(stages, 1, Policy(), other)
    assert one.params.shape == (6,)
