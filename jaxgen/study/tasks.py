"""What an optimiser study trains: a task is made from an `Experiment`, whatever its technique and data.

classifier, vae, ...         an experiment that the script passes by this name, without flags
classifier:lecture           the same with one of its presets
rosenbrock, beale, ...       an analytic surface; surface:beale is the same
my_module:PRESET             an experiment of your own: EXPERIMENT of a module that can be imported from this folder
my_module:NAME               another Experiment of that module; my_module:NAME:PRESET
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from jaxgen.core.config import flat, knobs, values
from jaxgen.core.imports import user_module
from jaxgen.core.types import Refused, Stage
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings, chosen
from jaxgen.run.conduct import read
from jaxgen.run.experiment import Experiment, Setting
from jaxgen.run.parsing import Parsed, every_knob, parse
from jaxgen.run.train import policy_of
from jaxgen.study import analytic
from jaxgen.study.origins import code_of_task
from jaxgen.study.problems import Problem, checked
from jaxgen.study.statistics import Task

PLAIN = "sgd"  # the optimiser that a task is parsed and read with: its own is replaced by those of the study
# Flags that are not free in a single run, and do not shape the runs of a study.
UNUSED = ["optimizer", "seed", "log_every", "eval_every", "checkpoint_every", "keep_best"]
UNUSED += ["resident_mb", "devices", "host_devices", "matmul_precision", "deterministic"]


class StudyTask(NamedTuple):
    """A task that is ready to be studied."""

    problem: Problem
    task: Task
    module: ModuleType  # the technique's
    config: Any  # an instance of module.Config
    identity: dict[str, Any]  # what, besides the study's own flags, shapes this task's runs


def make_task(
    name: str, experiments: Mapping[str, Experiment], argv: Sequence[str], evaluations: int, optimizers: Sequence[str]
) -> StudyTask:
    """The task of that name.

    Where a text has no test split, final runs are judged on the split that also chose their learning rate, and it is
    called validation: see `statistics.split_name`.

    Args:
        name: of the task, see this module.
        experiments: name -> experiment; others are imported.
        argv: flags of the study; those that the experiment does not have are left out.
        evaluations: on the validation split in a run, about equally far apart.
        optimizers: names; the flags must fit each of them.

    Raises:
        Refused: no such task or preset, flags that do not fit it, no objective, data that are not resident or have no
            test split, or a run of several stages.
    """
    experiment, preset = experiment_of(name, experiments)
    parsed = parse_task(experiment, preset, argv)
    settings, policy = parsed.flags.settings, policy_of(parsed.flags)
    flags, *others = (
        dataclasses.replace(each, settings=fitting(each.settings, PLAIN))
        for each in (parsed.flags, *vars(parsed.players).values())
    )
    players = type(parsed.players)(*others)
    setting = read(experiment, parsed._replace(flags=flags, players=players))
    stage, data = only_stage(name, experiment, setting), setting.data
    if stage.valid is None or data.test is None:
        raise Refused(f"{name} has no validation split or no test split: a study needs both")

    def factory(optimizer: str) -> Callable:
        return chosen(optimizer, fitting(settings, optimizer), data.epoch, stage.steps)

    def make(optimizer: Callable):
        players = [optimizer] * (1 + len(experiment.players))
        return experiment.plan(setting._replace(optimizers=lambda steps: players))[0].technique

    for optimizer in optimizers:  # refused now rather than hours later
        factory(optimizer)
    every = -(-stage.steps // evaluations)
    problem = Problem(
        name, make, factory, stage.source, stage.valid, data.test, stage.steps, every, policy, data.judged
    )
    fold = checked(problem).make(factory(PLAIN)).evaluate
    metric, definition = next(iter(fold.definitions.items()))
    task = Task(name, metric, definition, fold.better, data.judged)
    described = {"task": name, **identity_of(parsed, stage, data.sha256)}
    identity = {**described, "code": code_of_task(experiment, stage.module)}
    return StudyTask(problem, task, setting.module, stage.config, identity)


def experiment_of(name: str, experiments: Mapping[str, Experiment]) -> tuple[Experiment, str]:
    """The experiment and the preset, "" for none, that a task's name stands for. Raises Refused where there is none."""
    if name in analytic.EXPERIMENT.presets:
        return analytic.EXPERIMENT, name
    stem, _, preset = name.partition(":")
    every = {"surface": analytic.EXPERIMENT, **experiments}
    if stem in every:
        return every[stem], preset
    if found := imported(stem, preset):
        return found
    names = [*every, *analytic.EXPERIMENT.presets]
    near = ", ".join(difflib.get_close_matches(stem, names) or names)
    raise Refused(f"there is no task {name!r}; the nearest: {near}; nor can {stem!r} be imported from this folder")


def imported(name: str, rest: str) -> tuple[Experiment, str] | None:
    """An Experiment of the module with this name, and a preset; None where there is no such module.

    `rest`, which follows the module's name, is the name of an Experiment there, of a preset of EXPERIMENT, or
    NAME:PRESET. Raises Refused where the module has no EXPERIMENT.
    """
    if (module := user_module(name)) is None:
        return None
    own, _, preset = rest.partition(":")
    if isinstance(vars(module).get(own), Experiment):
        return vars(module)[own], preset
    experiment = vars(module).get("EXPERIMENT")
    if not isinstance(experiment, Experiment):
        raise Refused(f"the module {name} has no EXPERIMENT of the class jaxgen.run.experiment.Experiment")
    return experiment, rest


def parse_task(experiment: Experiment, preset: str, argv: Sequence[str]) -> Parsed:
    """The experiment's configurations: its preset's, and what of `argv` it has a flag for.

    Optimisers of a preset, and the hyper-parameters that were meant for them, are left out.
    """
    names = {each.name for each in every_knob(experiment)}
    own = [flag for flag in argv if flag.removeprefix("--").partition("=")[0] in names]
    plain = [f"--{prefix}optimizer={PLAIN}" for prefix in ("", *(f"{player}_" for player in experiment.players))]
    return parse(experiment, [*([f"--preset={preset}"] if preset else []), *plain, *own])


def only_stage(name: str, experiment: Experiment, setting: Setting) -> Stage:
    """The one stage of the experiment's plan. Raises Refused where it has several, or adopts another run's State."""
    stages = experiment.plan(setting)
    if len(stages) != 1 or stages[0].adopt is not None or setting.flags.init_from:
        raise Refused(
            f"{name} trains in several stages, or starts from another run: a study trains one stage from its start"
        )
    return stages[0]


def fitting(settings: Settings, optimizer: str) -> Settings:
    """The settings without the hyper-parameters that this optimiser does not have."""
    takes, defaults = find(optimizer).takes, values(Settings())
    return dataclasses.replace(settings, **{name: defaults[name] for name in HYPERPARAMETERS if name not in takes})


def identity_of(parsed: Parsed, stage: Stage, sha256: str) -> dict[str, Any]:
    """What shapes the runs of a task: technique, Config, flags that a study honours, updates, hash of the data."""
    every = values(parsed.flags)
    fixed = {each.name: every[each.name] for each in knobs(type(parsed.flags)) if not each.free}
    fixed = {name: value for name, value in fixed.items() if name not in UNUSED}
    fixed |= {name: True for name in ("in_order",) if every.get(name)}  # free, but no part of the data's hash
    return {"technique": stage.module, "config": flat(stage.config), **fixed, "steps": stage.steps, "data": sha256}
