"""Runs side by side are the runs that they would be alone."""

import functools

import jax
import numpy as np
import pytest
import study_toys

from experiments import classify
from jaxgen.core import evaluation, loop
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused, Stage
from jaxgen.optim.registry import find
from jaxgen.study import side_by_side, timing, training
from jaxgen.study.memory import bytes_per_run
from jaxgen.study.problems import Trial, checked, split_arrays
from jaxgen.study.tasks import make_task

TRIALS = [Trial(rate, seed) for rate in (0.01, 0.1) for seed in (0, 3)]


def digits(*flags):
    return make_task("classifier:digits", {"classifier": classify.EXPERIMENT}, flags, 2, ["adam"]).problem


def gone(optimizer, trials, mode="vmap", final=False):
    problem = study_toys.problem()
    functions = training.compiled_programs(problem, optimizer, mode)
    return training.train_runs(problem, functions, trials, split_arrays(problem), final)


@functools.cache
def alone(trial):
    """Train and valid of a run by itself, of each chunk [chunks, 2]."""
    stage = study_toys.stage("adam", trial.rate)
    events = loop.train([stage], jax.random.key(trial.seed), study_toys.EVERY, study_toys.EVERY)
    return [(event.train["loss"], event.valid["error"].value) for event in events]


@pytest.mark.parametrize("mode", ["vmap", *(pytest.param(mode, marks=pytest.mark.ci) for mode in ("map", "single"))])
def test_a_run_among_others_is_the_run_that_its_seed_and_rate_make(mode):
    """To float32's rounding: XLA may sum in another order for many runs, and 12 updates do not amplify it."""
    rows = gone("adam", TRIALS, mode, final=True)
    for trial, row in zip(TRIALS, rows):
        np.testing.assert_allclose(np.transpose(alone(trial)), [row["train"], row["valid"][1:]], rtol=2e-5)
        assert row["test"] == pytest.approx(row["valid"][-1], rel=1e-6)
        assert (row["learning_rate"], row["seed"]) == trial
        assert (row["steps"], row["at"], row["diverged"]) == (12, [0, 5, 10, 12], False)
        assert (
            row["bytes"] == (4 + 2 * 6) * 4
        )  # updates, rate, factor, the array that the rate was in `init`; two moments


def test_what_diverges_leaves_the_others_as_they_are():
    """At the same width the others are the same numbers, bit for bit, whatever their neighbour does."""
    wild = [*TRIALS[:3], Trial(1e30, 3)]
    tame, rows = gone("sgd", TRIALS), gone("sgd", wild)
    numbers = lambda row: (row["valid"], row["train"], row["diverged"])
    assert [numbers(row) for row in rows[:3]] == [numbers(row) for row in tame[:3]]
    assert rows[3]["diverged"]
    assert rows[3]["valid"][0] is not None
    assert rows[3]["valid"][-1] is None
    assert not tame[3]["diverged"]


@pytest.mark.ci
def test_plateaus_cut_each_runs_own_rate():
    problem = study_toys.problem(Policy(plateau=1, plateau_factor=0.1, min_delta=1e9))  # never good enough
    functions = training.compiled_programs(problem, "sgd", "vmap")
    runs = training.start_runs(functions, TRIALS)
    runs, _ = functions.judge(split_arrays(problem)[1], runs)  # the first evaluation is always a new best
    runs, _ = functions.judge(split_arrays(problem)[1], runs)
    np.testing.assert_allclose(runs.state.opt.rate, [0.001, 0.001, 0.01, 0.01], rtol=1e-6)


def test_keys_are_those_of_a_run():
    key = jax.random.key(3)
    expected = [*jax.random.split(jax.random.fold_in(key, 0), 3), jax.random.fold_in(key, 2**31 - 1)]
    found = training.run_keys(np.array([0, 3], np.uint32))[1]
    np.testing.assert_array_equal(jax.random.key_data(found), [jax.random.key_data(each) for each in expected])


@pytest.mark.ci
def test_modes_are_timed():
    problem = study_toys.problem()
    mode, _, took = timing.fastest_mode(problem, "sgd", TRIALS, 2, split_arrays(problem))
    assert took.keys() == set(side_by_side.MODES)
    assert took[mode] == min(took.values())


@pytest.mark.parametrize(("every", "expected"), [(5, [0, *5 * [5]]), (10_000, [0, *5 * [8], *5 * [64], *5 * [512]])])
def test_what_is_timed_is_what_is_run(every, expected):
    """Dispatches as long as the study's, which cost more an update the shorter they are, and validations."""
    updates, judged = [], []
    advance = lambda shared, runs: (updates.append(int(shared[1])) or runs, None, None)
    programs = training.Programs(None, advance, lambda _, runs: (judged.append(1) or runs, None), None)
    timing.seconds_per_update(every, programs, np.zeros(2), (None, None))
    assert updates == expected
    assert len(judged) == 1 + timing.REPEATS


@pytest.mark.ci
def test_a_run_has_its_rate_from_the_start():
    """Some of optax's keep it in more than the leaf `rate`: rprop's slots are first steps of that length."""
    problem = study_toys.problem()._replace(factory=lambda name: find(name).factory)
    runs = training.start_runs(training.compiled_programs(problem, "optax.rprop", "vmap"), TRIALS)
    for n, trial in enumerate(TRIALS):
        alone = problem.factory("optax.rprop")(trial.rate).init(runs.state.params[n])
        here = jax.tree.map(lambda leaf, n=n: leaf[n], runs.state.opt)
        jax.tree.map(np.testing.assert_array_equal, here, alone)


@pytest.mark.slow  # compiles a network's runs three times
def test_a_networks_run_among_others_is_the_run_alone():
    """A pass over the digits with Adam.

    Sums of 32 images in another order are off by 1e-7, which Adam's root of small squares and 44 steps make up to 1e-4
    of the loss; an image more or less told right is 0.6 % of accuracy.
    """
    problem = digits("--epochs=1")
    trials = [Trial(rate, seed) for rate in (1e-3, 1e-2) for seed in (0, 1)]
    programs = training.compiled_programs(problem, "adam", "vmap")
    rows = training.train_runs(problem, programs, trials, split_arrays(problem), True)
    for row in rows[1:3]:
        technique = problem.make(lambda _, row=row: problem.factory("adam")(row["learning_rate"]))
        key = jax.random.key(row["seed"])
        stage = Stage(technique, problem.train, problem.steps, problem.valid)
        *_, last = loop.train([stage], key, problem.every, problem.every)
        assert last.train["loss"] == pytest.approx(row["train"][-1], rel=1e-4)
        assert last.valid["accuracy"].value == pytest.approx(row["valid"][-1], abs=0.006)
        test = evaluation.evaluate(technique.evaluate, last.state, problem.test, evaluation.key_of_test(key))
        assert test["accuracy"].value == pytest.approx(row["test"], abs=0.006)


@pytest.mark.ci
def test_what_a_run_holds_grows_with_its_network_and_its_batch():
    def of(*flags):
        problem = digits(*flags)
        return bytes_per_run(problem, problem.make(problem.factory("adam")))

    small, state = of(), 3 * 4 * (64 * 128 + 128 + 128 * 10 + 10)
    assert 2 * state < small < 20 * state
    assert of("--batch_size=320") > 1.5 * small


def test_what_cannot_be_compared_or_held_is_refused():
    problem = study_toys.problem()
    assert checked(problem) == problem

    def changed(**fields):
        def make(factory):
            technique = problem.make(factory)
            return technique._replace(evaluate=technique.evaluate._replace(**fields))

        return problem._replace(make=make)

    checked(changed(improves=False))  # a game's samples are compared, though no single batch need improve them
    with pytest.raises(Refused, match="toy has no objective"):
        checked(changed(definitions={}))
    with pytest.raises(Refused, match="do not fit"):
        checked(problem._replace(train=problem.train._replace(fetch=lambda *_: None)))
