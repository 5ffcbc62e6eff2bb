"""Stages, adopted states, evaluation and exact resume of the one loop."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core import loop
from jaxgen.core.progress import Policy, best_state
from jaxgen.core.types import Holdout, Source, Stage

KEY = jax.random.key(0)


def history(stages, **options):
    """Every event, its arrays copied before the next chunk takes them over."""
    copy = lambda tree: jax.tree.map(jnp.copy, tree)
    events = loop.train(stages, KEY, **options)
    return [e._replace(state=copy(e.state), progress=copy(e.progress)) for e in events]


def numbers(event):
    key = jax.random.key_data(event.state.key)
    return event._replace(state=event.state._replace(key=key))


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        chex.assert_trees_all_equal(numbers(a), numbers(b))


def test_chunks_end_at_multiples_of_k_and_at_the_stages_end():
    events = history(toys.two_stages((7, 8)), every=3, eval_every=6)
    assert [(e.stage, e.step) for e in events] == [(0, 3), (0, 6), (0, 7), (1, 3), (1, 6), (1, 8)]
    assert [bool(e.valid) for e in events] == [e.due for e in events] == [False, True, True, False, True, True]
    assert [e.done for e in events] == [False, False, True, False, False, True]


def test_the_second_stage_adopts_the_first_ones_parameters():
    stages = toys.two_stages((7, 8))
    seen = []
    adopt = stages[1].adopt

    def spy(previous, key, arrays):
        jax.debug.callback(lambda p: seen.append(np.asarray(p)), previous.params)
        return adopt(previous, key, arrays)

    events = history([stages[0], stages[1]._replace(adopt=spy)], every=4)
    assert events[-1].state.params.shape == (6,)
    np.testing.assert_array_equal(seen[0], events[1].state.params)


def test_a_stage_counts_its_own_updates_and_draws_its_own_randomness():
    """Also where all of the previous State is adopted, as fine-tuning and octaves do."""
    first, _ = toys.two_stages((7, 8))
    events = history([first, first._replace(adopt=lambda previous, key, arrays: previous)], every=4)
    assert [(e.stage, e.step) for e in events] == [(0, 4), (0, 7), (1, 4), (1, 7)]
    keys = [jax.random.key_data(e.state.key) for e in (events[0], events[2])]
    assert not np.array_equal(*keys)


@pytest.mark.ci
def test_the_first_stage_can_start_from_its_data():
    """As an image does that is dreamt on: the arrays are arguments of what adopts, and shape the State."""
    technique = toys.mean_of(6, rate=0.0)

    def start(previous, key, arrays):
        assert previous is None
        return technique.init(key)._replace(params=jnp.concatenate([arrays[3], arrays[3]])[:6])

    stage = Stage(technique, Source(toys.data(), toys.take), 2, adopt=start)
    state, _ = loop.shapes([stage], 0, Policy())
    assert state.params.shape == (6,)
    np.testing.assert_array_equal(history([stage], every=2)[-1].state.params, toys.data()[3])


def test_a_technique_without_an_objective_is_not_evaluated():
    technique = toys.mean_of(6)
    technique = technique._replace(evaluate=technique.evaluate._replace(definitions={}))
    stage = Stage(technique, Source(toys.data(), toys.take), 4, Holdout(toys.data(), toys.once, 1))
    events = history([stage], every=1, eval_every=2)
    assert [(e.due, e.valid) for e in events] == [(False, {}), (True, {})] * 2, "pictures are due all the same"


@pytest.mark.parametrize(
    ("broken", "finite"),
    [
        ({"params": jnp.full(6, jnp.nan)}, False),
        ({"carry": jnp.float32(jnp.nan)}, False),
        ({"opt": jnp.full(2, jnp.inf)}, False),
        ({"opt": jnp.float32(jnp.nan)}, False),
        ({"opt": jnp.float32(jnp.inf)}, True),
    ],
    ids=["parameters", "carry", "moments", "optimiser's scalar", "unset scalar"],
)
def test_what_is_not_finite_is_seen(broken, finite):
    whole = toys.mean_of(6)

    def step(state, batch):
        after, metrics = whole.step(state._replace(opt=whole.init(state.key).opt), batch)
        return after._replace(**broken), metrics

    technique = whole._replace(init=lambda key: whole.init(key)._replace(**broken), step=step)
    assert [e.finite for e in history([Stage(technique, Source(toys.data(), toys.take), 2)], every=2)] == [finite]


@pytest.mark.parametrize(("end", "eval_every"), [(7, 3), (9, 6), (4, 4)])
def test_a_run_that_is_continued_is_an_uninterrupted_one(end, eval_every):
    """Although the shorter one was evaluated where it ended: its rates, its patience and its best are the same."""
    options = {
        "every": 3,
        "eval_every": eval_every,
        "policy": Policy(patience=50, plateau=1, plateau_factor=0.7, min_delta=0.5),
    }
    long, _ = toys.two_stages((24, 8), rate=0.8)
    first = history([long._replace(steps=end)], **options)[-1]
    assert first.valid, "a run's end is evaluated all the same"
    rest, whole = history([long], resume=(0, first.state, first.progress), **options), history([long], **options)
    assert float(whole[-1].progress.scale) < 1, "the plateau never cut: the test would show nothing"
    assert_same(whole[-5:], rest[-5:])


@pytest.mark.parametrize("eval_every", [2, 100])
def test_the_best_is_kept_without_patience(eval_every):
    """At a rate that overshoots; without an evaluation at a multiple of eval_every, the last one is returned."""
    stage, _ = toys.two_stages((12, 8), rate=0.9)
    events = history([stage], every=2, eval_every=eval_every, policy=Policy(keep_best=True))
    last, best = events[-1], events[-1]
    if eval_every == 2:
        best = min(events, key=lambda event: event.valid["error"].value)
        assert best.step < last.step == int(last.state.step)
        assert int(last.progress.best_step) == best.step
    chex.assert_trees_all_equal(best_state(last.progress, last.state).params, best.state.params)


def test_early_stopping_returns_to_the_best(tmp_path):
    """At a rate that overshoots, the best evaluation is not the last one, and resuming does not go on."""
    technique = toys.mean_of(6, rate=0.9)
    source, holdout = Source(toys.data(), toys.take), Holdout(toys.data(), toys.once, 1)
    stages, options = (
        [Stage(technique, source, 400, holdout)],
        {"every": 2, "eval_every": 2, "policy": Policy(patience=3)},
    )
    events = history(stages, **options)
    values = [e.valid["error"].value for e in events]
    last = events[-1]
    assert len(values) < 200
    assert last.done
    assert int(np.argmin(values)) == len(values) - 4
    best = best_state(last.progress, last.state)
    chex.assert_trees_all_equal(best.params, events[-4].state.params)
    assert float(last.progress.best) == pytest.approx(min(values))
    assert int(last.progress.best_step) == 2 * (len(values) - 3)
    assert history(stages, resume=(0, last.state, last.progress), **options) == []


@pytest.mark.ci
@pytest.mark.parametrize(
    ("at_once", "every", "reads"),
    [pytest.param(0, 3, [3, 3, 1, 3, 3, 2], marks=pytest.mark.ci), (2, 5, [2, 2, 1, 2, 2, 2, 1, 2, 1])],
)
def test_batches_may_be_read_on_the_host(at_once, every, reads):
    """A chunk at a time, or in portions, for what is read at once is bounded: the same events."""
    stages, asked = toys.two_stages((7, 8)), []

    def fetch(key, first, count):
        asked.append(count)
        return lambda: jax.vmap(lambda n: toys.take(toys.data(), key, n))(first + jnp.arange(count))

    streamed = [s._replace(source=Source((), lambda row, key, n: row, fetch, at_once)) for s in stages]
    whole, read = history(stages, every=every), history(streamed, every=every)
    if not at_once:
        assert_same(whole, read)
    for one, other in zip(whole, read, strict=True):
        assert (one.stage, one.step, one.done) == (other.stage, other.step, other.done)
        chex.assert_trees_all_close(one.state.params, other.state.params, rtol=1e-6)
        assert other.train == pytest.approx(one.train, rel=1e-5)
    assert asked == reads


def test_the_same_stage_compiles_once():
    technique = toys.mean_of(6)
    stages = [Stage(technique, Source(toys.data(), toys.take), 12, Holdout(toys.data(), toys.once, 1))]
    before = loop.compiled_chunk()._cache_size()
    history(stages, every=3, eval_every=3)
    assert loop.compiled_chunk()._cache_size() == before + 1
