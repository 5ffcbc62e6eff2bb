"""Runs of several stages side by side are the runs that they would be alone, those that stop early included."""

import jax
import numpy as np
import pytest

from experiments import stacked
from jaxgen.core import loop
from jaxgen.core.evaluation import evaluate, key_of_test
from jaxgen.core.progress import Policy, best_state
from jaxgen.run.conduct import read
from jaxgen.run.parsing import parse
from jaxgen.study.staged import examined, train_stages

SEEDS, EVERY, POLICY = (0, 3), 8, Policy(patience=1)
# The rate is so high that one seed stops before the other.
FLAGS = ["--latent=6", "--hidden=", "--pretrain_steps=12", "--steps=44", "--learning_rate=0.3", "--top=classifier"]


def alone(stages, seed, test):
    """The last stage's best step, its validations, its best State, and the test split's accuracy."""
    key, valid = jax.random.key(seed), []
    for event in loop.train(stages, key, EVERY, EVERY, POLICY):
        if event.stage == len(stages) - 1 and event.step % EVERY == 0:
            valid.append(event.valid["accuracy"].value)
    state = best_state(event.progress, event.state)
    metrics = evaluate(stages[-1].technique.evaluate, state, test, key_of_test(key))
    return int(event.progress.best_step), valid, state, metrics["accuracy"].value


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["vmap", "map"])
def test_seeds_side_by_side_are_single_runs(mode):
    setting = read(stacked.EXPERIMENT, parse(stacked.EXPERIMENT, [*FLAGS, f"--patience={POLICY.patience}"]))
    stages = stacked.plan(setting)
    layer, last = train_stages(stages, SEEDS, EVERY, POLICY, mode)
    assert len(layer.valid) == 0
    tested = examined(stages[-1], setting.data.test, SEEDS, last.last, mode)
    singles = [alone(stages, seed, setting.data.test) for seed in SEEDS]
    assert len({len(valid) for _, valid, *_ in singles}) == 2, "one seed is to stop before the other"
    for n, (best_step, valid, state, accuracy) in enumerate(singles):
        assert last.best_step[n] == best_step
        np.testing.assert_allclose(last.valid[: len(valid), n], valid, atol=1e-6)
        for ours, theirs in zip(jax.tree.leaves(last.last.params), jax.tree.leaves(state.params)):
            np.testing.assert_allclose(ours[n], theirs, rtol=1e-3, atol=1e-4)
        assert tested[n] == pytest.approx(accuracy, abs=1e-6)
    begun = last.first.params["encoder_0"]["kernel"]
    np.testing.assert_array_equal(begun, layer.last.params["encoder_0"]["kernel"])
