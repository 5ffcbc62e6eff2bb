"""What every technique promises, as functions that raise AssertionError; test_contract.py runs them over all."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgen.core import checkpoint, loop
from jaxgen.core.config import knobs
from jaxgen.core.progress import rates
from jaxgen.core.types import Source, Stage, Sweep

KEY, BATCH_KEY = jax.random.key(0), jax.random.key(1)


@functools.cache
def jitted(function):
    """Compiled once for all checks: most of their time is compilation."""
    return jax.jit(function)


def start(technique):
    return jitted(technique.init)(KEY), technique.example(BATCH_KEY)


def plain(tree):
    """Arrays of numbers: typed keys as their data."""
    is_key = lambda a: jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
    return jax.tree.map(lambda a: np.asarray(jax.random.key_data(a) if is_key(a) else a), tree)


def equal(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, plain(a), plain(b)))


def close(a, b):
    # Adaptive optimisers divide rounding by rounding where a gradient is almost 0; a wrong step is off by 1e-2.
    near = lambda x, y: np.allclose(x, y, atol=1e-4, rtol=1e-4)
    return jax.tree.all(jax.tree.map(near, plain(a), plain(b)))


def _take(arrays, key, n):
    return arrays


def stages(technique, steps):
    return [Stage(technique, Source(technique.example(BATCH_KEY), _take), steps)]


def last(events):
    for event in events:
        state = jax.tree.map(jnp.copy, event.state)
    return state


def chunked_equals_unchunked(technique):
    """Five updates in chunks of 2, 2 and 1, and one by one."""
    parts = last(loop.train(stages(technique, 5), KEY, every=2))
    single = jitted(technique.init)(jax.random.split(jax.random.fold_in(KEY, 0), 3)[0])
    batch, step = technique.example(BATCH_KEY), jitted(technique.step)
    for _ in range(5):
        single, _ = step(single, batch)
    assert close(parts, single), "a step inside the scan is not the step outside"
    assert int(single.step) == 5, "a step must count itself"


def seeds_train_side_by_side(technique):
    keys, batch = jax.random.split(KEY, 2), technique.example(BATCH_KEY)
    states = jax.jit(jax.vmap(technique.init))(keys)
    states, _ = jax.jit(jax.vmap(technique.step, in_axes=(0, None)))(states, batch)
    alone, _ = jitted(technique.step)(jitted(technique.init)(keys[1]), batch)
    numbers = lambda state: (state.params, state.opt, state.carry)
    assert close(numbers(alone), jax.tree.map(lambda a: a[1], numbers(states))), "vmapped seeds differ from single ones"


def one_trace_serves_all_steps(technique):
    traces = []
    step = jax.jit(lambda state, batch: traces.append(None) or technique.step(state, batch))
    state, batch = start(technique)
    for _ in range(3):
        state, _ = step(state, batch)
    assert len(traces) == 1, f"{len(traces)} traces for three steps: the State changes its types or shapes"


def numbers_stay_finite(technique):
    state, batch = start(technique)
    step = jitted(technique.step)
    for _ in range(20):
        state, metrics = step(state, batch)
    assert bool(loop.all_finite((state.params, metrics))), "parameters or metrics are not finite after 20 steps"


def same_key_same_result(technique):
    results = []
    for key in (KEY, KEY, jax.random.key(7)):
        state = jitted(technique.init)(key)
        results.append(jitted(technique.step)(state, technique.example(BATCH_KEY))[0])
        assert equal(state.key, results[-1].key), "a step must not change the key"
    assert equal(results[0], results[1]), "the same key gave two results"
    if jax.tree.leaves(results[0].params):
        assert not equal(results[0].params, results[2].params), "two keys gave the same parameters"


def objective_improves(technique):
    """On the one batch it trains on, evaluated with the same draws."""
    fold = technique.evaluate
    if not fold.definitions or not fold.improves:
        return  # it declares no objective that must
    state, batch = start(technique)
    count = max(len(leaf) for leaf in jax.tree.leaves(batch) if np.ndim(leaf))
    sweep = Sweep(batch, lambda arrays, n: (arrays, jnp.ones(count, bool)), 1)
    measure = lambda state: loop.objective(fold, loop.evaluate(fold, state, sweep, jax.random.key(3)))
    before = measure(state)
    step = jitted(technique.step)
    for _ in range(60):
        state, _ = step(state, batch)
    after = measure(state)
    assert after < before, f"the objective went from {before:.4g} to {after:.4g} (lower is better)"


def learning_rates_are_state(technique):
    state, batch = start(technique)
    assert rates(state.opt), "the optimiser's state has no leaf `rate`"
    still = state._replace(opt=optax.tree_utils.tree_set(state.opt, rate=jnp.float32(0)))
    moved, _ = jitted(technique.step)(still, batch)
    assert equal(moved.params, still.params), "parameters moved at a learning rate of 0"


def saved_and_restored_is_the_same(technique, directory):
    events = loop.train(stages(technique, 4), KEY, every=2)
    first = next(events)
    checkpoint.save(directory, first.stage, first.step, (first.state, first.progress), {})
    whole = last(events)
    shapes = jax.eval_shape(lambda: (first.state, first.progress))
    saved = checkpoint.restore(directory, lambda stage: shapes)
    again = last(loop.train(stages(technique, 4), KEY, every=2, resume=(saved.stage, *saved.tree)))
    assert equal(whole, again), "going on from a checkpoint gives other bytes"


def inference_takes_one_example(technique):
    """Each `infer` function is defined for one example, vmaps over keys and examples, and gives finite numbers."""
    state, keys = jitted(technique.init)(KEY), jax.random.split(KEY, 2)
    inputs = [technique.inputs(key) for key in keys]
    assert inputs[0].keys() == technique.infer.keys(), "`inputs` must give one x for each `infer`"
    for name, function in technique.infer.items():
        assert function.__doc__, f"infer[{name!r}] does not say what it takes and gives"
        both = jax.tree.map(lambda *xs: jnp.stack(xs), *[given[name] for given in inputs])
        side_by_side = jax.jit(jax.vmap(function, in_axes=(None, 0, 0)))(state, keys, both)
        alone = jax.jit(function)(state, keys[1], inputs[1][name])
        assert close(alone, jax.tree.map(lambda y: y[1], side_by_side)), f"infer[{name!r}] depends on its neighbours"
        assert bool(loop.all_finite(alone)), f"infer[{name!r}] gives numbers that are not finite"


def flags_fit_every_experiment(technique_config, run_flags):
    """A Config's knobs are flags beside the run's own: kinds that a command line has, and no name twice."""
    own, others = knobs(technique_config), {knob.name for knob in knobs(run_flags)}
    assert not others & {knob.name for knob in own}, "a knob has the name of one of the run's flags"
    for knob in own:
        assert knob.kind in (bool, int, float, str), f"{knob.name} is a {knob.kind}: no flag can say that"
        assert knob.help


CHECKS = [
    chunked_equals_unchunked,
    seeds_train_side_by_side,
    one_trace_serves_all_steps,
    numbers_stay_finite,
    same_key_same_result,
    objective_improves,
    learning_rates_are_state,
    inference_takes_one_example,
]
