"""What every technique promises, as functions that raise AssertionError; test_contract.py runs them over all."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgen.core import loop
from jaxgen.core.config import knobs
from jaxgen.core.progress import rates
from jaxgen.core.types import Holdout, Source, Stage
from jaxgen.run import checkpoint

KEY, BATCH_KEY = jax.random.key(0), jax.random.key(1)
TRACES = collections.Counter()  # function -> how often it was traced since programs were dropped


@functools.cache
def jitted(function):
    """Compiled once for all checks: most of their time is compilation."""

    def traced(*args):
        TRACES[function] += 1
        return function(*args)

    return jax.jit(traced)


def begun(technique, key=KEY):
    """The first State of a run with this key, by the program that `loop.train` compiles as well."""
    return loop.first_state(stages(technique)[0], key)


def start(technique):
    return begun(technique), jitted(technique.example)(BATCH_KEY)


def stepped(technique, updates):
    """The State after so many updates on one batch, and the metrics of the last."""
    state, batch = start(technique)
    for _ in range(updates):
        state, metrics = jitted(technique.step)(state, batch)
    return state, metrics


def plain(tree):
    """Copies in NumPy, typed keys as their data: outside of a program each operation would be compiled by itself."""
    is_key = lambda a: jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
    return jax.tree.map(lambda a: np.array(jax.random.key_data(a) if is_key(a) else a), tree)


def finite(tree):
    floating = [a for a in jax.tree.leaves(plain(tree)) if jnp.issubdtype(a.dtype, jnp.floating)]
    return all(np.isfinite(a).all() for a in floating)


def equal(a, b):
    return jax.tree.all(jax.tree.map(np.array_equal, plain(a), plain(b)))


def close(a, b):
    # Adaptive optimisers divide rounding by rounding where a gradient is almost 0; a wrong step is off by 1e-2.
    near = lambda x, y: np.allclose(x, y, atol=1e-4, rtol=1e-4)
    return jax.tree.all(jax.tree.map(near, plain(a), plain(b)))


def _take(arrays, key, n):
    return arrays


def parted(technique, batch):
    """(examples, entries that all share) of a batch."""
    shared = {name: batch[name] for name in technique.shared}
    return ({name: batch[name] for name in batch.keys() - shared.keys()} if shared else batch), shared


def count(technique, batch):
    """B: all leaves but those that are shared have it as their first axis."""
    counts = {np.shape(leaf)[0] if np.ndim(leaf) else None for leaf in jax.tree.leaves(parted(technique, batch)[0])}
    assert len(counts) == 1, f"leaves of a batch have the first axes {counts}: what has no [B] is `Technique.shared`"
    (found,) = counts
    assert found, "a leaf of the batch has no axis: what examples share is `Technique.shared`"
    return found


def stages(technique):
    """Four updates, of which a run makes two chunks of one program."""
    examples, shared = parted(technique, jitted(technique.example)(BATCH_KEY))
    return [Stage(technique, Source(examples, _take, shared=shared), 4)]


def last(events):
    for event in events:
        state = plain(event.state)
    return state


def chunked_equals_unchunked(technique):
    """Four updates in chunks of two, and one by one."""
    parts = last(loop.train(stages(technique), KEY, every=2))
    single, _ = stepped(technique, 4)
    assert close(parts, single), "a step inside the scan is not the step outside"
    assert int(single.step) == 4, "a step must count itself"


def seeds_train_side_by_side(technique):
    state, batch = start(technique)
    alone, _ = jitted(technique.step)(state, batch)
    side_by_side = jax.jit(jax.vmap(lambda key, batch: technique.step(technique.init(key), batch), (0, None)))
    states, _ = side_by_side(jnp.stack([loop.stage_keys(key, 0)[0] for key in (jax.random.key(2), KEY)]), batch)
    numbers = lambda state: (state.params, state.opt, state.carry)
    second = jax.tree.map(lambda a: a[1], plain(numbers(states)))
    assert close(numbers(alone), second), "vmapped seeds differ from single ones"


def one_trace_serves_all_steps(technique):
    stepped(technique, 3)
    traces = TRACES[technique.step]  # of the other checks' steps too
    assert traces == 1, f"{traces} traces of the step: the State changes its types or shapes"


def examples_have_the_first_axis(technique):
    """So that several devices can split a batch, and evaluations mask it."""
    size = count(technique, jitted(technique.example)(BATCH_KEY))
    for name in technique.streams:
        for leaf in jax.tree.leaves(begun(technique).carry[name]):
            assert len(leaf) == size, f"the stream {name!r} is not as long as a batch"


def numbers_stay_finite(technique):
    state, metrics = stepped(technique, 20)
    assert finite((state.params, metrics)), "parameters or metrics are not finite after 20 steps"


def same_key_same_result(technique):
    results = []
    for key in (KEY, KEY, jax.random.key(7)):
        state = begun(technique, key)
        results.append(jitted(technique.step)(state, jitted(technique.example)(BATCH_KEY))[0])
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
    examples, shared = parted(technique, batch)
    mask = jnp.ones(count(technique, batch), bool)
    holdout = Holdout(examples, lambda arrays, n: (arrays, mask), 1, shared=shared)
    measure = lambda state: loop.objective(fold, loop.evaluate(fold, state, holdout, jax.random.key(3)))
    before, after = measure(state), measure(stepped(technique, 60)[0])
    assert after < before, f"the objective went from {before:.4g} to {after:.4g} (lower is better)"


def keeps_gradients(rate):
    """An optimiser that stands still; its state is the gradient."""
    still = lambda gradient, opt, params=None: (jax.tree.map(jnp.zeros_like, gradient), gradient)
    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.zeros_like, params), still)


def hessian_vector_products_are_right(technique, smooth=True):
    """Forward over reverse through each objective that `keeps_gradients` is given, as optax.sophia computes it.

    `smooth`: no unit lies at a kink, no layer is frozen: a finite difference gives the same.
    """
    state, batch = jitted(technique.init)(KEY), jitted(technique.example)(BATCH_KEY)
    direction = jax.tree.map(lambda p: np.float32(np.random.default_rng(p.size).normal(size=p.shape)), state.params)

    @jax.jit
    def gradient_and_product(width):
        params = jax.tree.map(lambda p, d: p + width * d, state.params, direction)
        return jax.jvp(lambda p: technique.step(state._replace(params=p), batch)[0].opt, (params,), (direction,))

    flat = lambda tree: np.concatenate([np.ravel(a) for a in jax.tree.leaves(plain(tree))])
    (below, _), (_, product), (above, _) = (map(flat, gradient_and_product(width)) for width in (-1e-3, 0.0, 1e-3))
    error = np.abs(product - (above - below) / 2e-3).max() / np.abs(product).max()
    assert np.isfinite(product).all(), "a Hessian times a vector is not finite"
    assert error < 0.03 or not smooth, f"a Hessian times a vector is off by {error:.1%} from a finite difference"


def learning_rates_are_state(technique):
    state, batch = start(technique)
    assert rates(state.opt), "the optimiser's state has no leaf `rate`"
    still = state._replace(opt=optax.tree_utils.tree_set(state.opt, rate=jnp.float32(0)))
    moved, _ = jitted(technique.step)(still, batch)
    assert equal(moved.params, still.params), "parameters moved at a learning rate of 0"


def saved_and_restored_is_the_same(technique, directory):
    events = loop.train(stages(technique), KEY, every=2)
    first = next(events)
    checkpoint.save(directory, first.stage, first.step, (first.state, first.progress), {})
    whole = last(events)
    shapes = jax.eval_shape(lambda: (first.state, first.progress))
    saved = checkpoint.restore(directory, lambda stage: shapes)
    again = last(loop.train(stages(technique), KEY, every=2, resume=(saved.stage, *saved.tree)))
    assert equal(whole, again), "going on from a checkpoint gives other bytes"


def inference_takes_one_example(technique):
    """Each `infer` function is defined for one example, vmaps over keys and examples, and gives finite numbers."""
    state, keys = begun(technique), jax.random.split(KEY, 2)
    both = jax.jit(lambda keys: jax.tree.map(lambda *x: jnp.stack(x), *map(technique.inputs, keys)))(keys)
    assert both.keys() == technique.infer.keys(), "`inputs` must give one x for each `infer`"

    @jax.jit
    def all_of_them(state, keys, both):
        """name -> (of the second example alone, of it beside the first)."""
        found = {}
        for name, function in technique.infer.items():
            side_by_side = jax.vmap(function, in_axes=(None, 0, 0))(state, keys, both[name])
            alone = function(state, keys[1], jax.tree.map(lambda x: x[1], both[name]))
            found[name] = alone, jax.tree.map(lambda y: y[1], side_by_side)
        return found

    for name, (alone, beside) in all_of_them(state, keys, both).items():
        assert technique.infer[name].__doc__, f"infer[{name!r}] does not say what it takes and gives"
        assert close(alone, beside), f"infer[{name!r}] depends on its neighbours"
        assert finite(alone), f"infer[{name!r}] gives numbers that are not finite"


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
    examples_have_the_first_axis,
    numbers_stay_finite,
    same_key_same_result,
    objective_improves,
    learning_rates_are_state,
    inference_takes_one_example,
]
