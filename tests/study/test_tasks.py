"""Tasks are made from experiments alone: ours, analytic surfaces, and those of a user's own module."""

import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

import experiments
from experiments.optimizer_study import EXPERIMENTS
from jaxgen.core import loop
from jaxgen.core.types import Holdout, Refused, Source, Stage
from jaxgen.data.sources import mapped
from jaxgen.optim.settings import Settings, chosen
from jaxgen.run.experiment import Data, Experiment, Reader, with_shared
from jaxgen.run.flags import RunFlags
from jaxgen.study import analytic, surfaces, training
from jaxgen.study.problems import Trial, split_arrays
from jaxgen.study.tasks import make_task


def task(name, *argv, evaluations=2, optimizers=("sgd",)):
    return make_task(name, EXPERIMENTS, argv, evaluations, optimizers)


@pytest.mark.ci
def test_flags_of_the_study_reach_every_task():
    """Schedules, clips and hyper-parameters are those of the tasks' own experiments."""
    flags = {"steps": 7, "batch_size": 16, "clip_norm": 0.5, "beta2": 0.9, "schedule": "performance", "plateau": 2}
    argv = [f"--{name}={value}" for name, value in flags.items()]
    for name in ("classifier:digits", "quadratic"):
        made = task(name, *argv, "--corpus=no_flag_of_these", evaluations=3, optimizers=("sgd", "adam"))
        assert (made.problem.steps, made.problem.every) == (7, 3)
        assert made.problem.policy.plateau == 2
        for optimizer, own in (("sgd", {"clip_norm": 0.5}), ("adam", {"clip_norm": 0.5, "beta2": 0.9})):
            ours, expected = made.problem.factory(optimizer)(0.1), chosen(optimizer, Settings(**own))(0.1)
            assert moved(ours) == moved(expected) != moved(chosen(optimizer)(0.1))
        assert (made.identity["beta2"], made.identity["batch_size"]) == (0.9, 16)
        batch = made.problem.train.take(made.problem.train.arrays, jax.random.key(0), 0)
        assert {len(column) for column in batch.values()} == {16}


def moved(optimizer):
    """Where three gradients, the first too long, take a point."""
    point, state = jnp.zeros(2), optimizer.init(jnp.zeros(2))
    for gradient in ((3.0, 4.0), (0.1, 0.2), (0.0, -0.1)):
        delta, state = optimizer.update(jnp.array(gradient), state, point)
        point += delta
    return point.tolist()


def test_epochs_are_passes_over_the_data():
    assert task("classifier:digits", "--epochs=2", "--batch_size=100").problem.steps == 2 * 14
    with pytest.raises(Refused, match="give --steps or --epochs, not both"):
        task("beale", "--epochs=2", "--steps=3")


def test_every_experiment_of_ours_is_a_task():
    modules = [f"experiments.{each.name}" for each in pkgutil.iter_modules(experiments.__path__)]
    values = [vars(importlib.import_module(name)).get("EXPERIMENT") for name in modules]
    # The one example of the first three is what changes: nothing is held out. A painter's loss does not tell how it
    # paints; halves are the classifier's experiment with other images; stacks and clusters take several stages.
    names = ("dream", "style", "visualize", "fast_style", "halves", "stacked", "clustering", "dbn", "documents")
    left_out = {f"experiments.{name}" for name in names}
    assert {each.name for each in values if each is not None} - left_out == {each.name for each in EXPERIMENTS.values()}


@pytest.mark.ci
def test_a_game_is_compared_by_its_samples():
    """Which no single batch need improve; both players have the study's optimiser."""
    made = task("mixtures", "--steps=4", "--hidden=4", "--critic_hidden=4", optimizers=("sgd", "adam"))
    assert (made.task.metric, made.task.better) == ("energy_distance", "lower")
    programs = training.compiled_programs(made.problem, "adam", "vmap")
    rows = training.train_runs(
        made.problem, programs, [Trial(1e-3, 0), Trial(1e-2, 1)], split_arrays(made.problem), False
    )
    assert all(np.isfinite(row["valid"]).all() for row in rows)


def test_surfaces_are_presets_of_one_experiment():
    named, spelled = task("beale"), task("surface:beale")
    assert named.config == spelled.config == surfaces.Config("beale")
    assert ({**named.identity, "task": "surface:beale"}, named.module) == (spelled.identity, surfaces)
    assert (named.problem.steps, named.identity["batch_size"]) == (analytic.UPDATES, 1)


def shifted(batch, key):
    """Moves examples by an entry that all batches share, and by noise."""
    return {"x": batch["x"] + batch["shift"][None] + 1e-3 * jax.random.normal(key)}


def read_toys(flags, config):
    del config
    train, holdout = Source(toys.data(), toys.take), Holdout(toys.data(), toys.once, 1)
    return Data({}, train, holdout, holdout, 8, "toys")


TOY = Experiment(
    name="my_toys",
    doc="",
    title="",
    text="",
    technique=surfaces,  # for its Config: `stage_of` does not call its `make`
    data=with_shared(Reader(RunFlags, read_toys), "shift", lambda flags: jnp.full(6, 100.0)),
    defaults={"steps": 12},
)


def stage_of(setting, steps=12):
    technique = toys.mean_of(6, noise=0.3, optimizer=setting.optimizers(steps)[0])
    data = setting.data
    return Stage(
        technique, mapped(data.train, shifted), steps, mapped(data.valid, shifted), None, "toys", setting.config
    )


@pytest.mark.ci
def test_shared_entries_and_transformations_are_those_of_a_run_alone():
    experiment = TOY._replace(plan=lambda setting: [stage_of(setting)])
    problem = make_task("toy", {"toy": experiment}, ["--log_every=5"], 3, ["sgd"]).problem
    assert problem.train.shared["shift"][0] == 100.0
    programs = training.compiled_programs(problem, "sgd", "vmap")
    (row,) = training.train_runs(problem, programs, [Trial(0.1, 3)], split_arrays(problem), True)
    technique = problem.make(lambda _: problem.factory("sgd")(0.1))
    stage = Stage(technique, problem.train, problem.steps, problem.valid)
    events = list(loop.train([stage], jax.random.key(3), problem.every, problem.every))
    alone = [(event.train["loss"], event.valid["error"].value) for event in events]
    np.testing.assert_allclose(np.transpose(alone), [row["train"], row["valid"][1:]], rtol=2e-5)
    assert row["train"][0] > 1000  # the shift is there


def test_all_players_have_the_studys_optimizer():
    """Hyper-parameters that a preset has for its own optimisers are left out."""
    players = []

    def plan(setting):
        players.append(len(setting.optimizers(12)))
        return [stage_of(setting)]

    own = {"optimizer": "adam", "beta1": 0.5, "critic_optimizer": "rmsprop", "critic_beta2": 0.7}
    game = TOY._replace(players=("critic",), plan=plan, presets={"gan": own})
    made = make_task("toy:gan", {"toy": game}, ["--momentum=0.5"], 3, ["sgd", "momentum"])
    assert set(players) == {2}
    assert (made.identity["momentum"], made.identity["beta1"]) == (0.5, None)


SEVERAL = {
    "several stages": TOY._replace(plan=lambda setting: 2 * [stage_of(setting)]),
    "an adopted State": TOY._replace(plan=lambda setting: [stage_of(setting)._replace(adopt=lambda *args: None)]),
    "another run": TOY._replace(plan=lambda setting: [stage_of(setting)], defaults={"init_from": "runs/other"}),
}


@pytest.mark.parametrize("experiment", SEVERAL.values(), ids=list(SEVERAL))
def test_what_does_not_start_from_the_start_is_refused(experiment):
    with pytest.raises(Refused, match="toy trains in several stages, or starts from another run"):
        make_task("toy", {"toy": experiment}, [], 3, ["sgd"])
