"""What an optimiser study trains on: any technique that has an objective, by name, with an experiment's preset.

classifier, vae, ...         a technique, configured as its experiment is without flags
classifier:lecture           with one of that experiment's presets
rosenbrock, beale, ...       an analytic surface
"""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import experiments
from jaxgen import techniques
from jaxgen.core.config import built, check, flat, knobs, values
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.data.sources import source, holdout
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings, chosen, cutting
from jaxgen.run import cli, image_reader, text_reader
from jaxgen.run.train import policy_of
from jaxgen.study import surfaces
from jaxgen.study.problems import Problem, checked
from jaxgen.study.statistics import Task

UPDATES = 500  # of a technique without an experiment that says how many


class Made(NamedTuple):
    """A task, ready to be studied."""

    problem: Problem
    task: Task
    module: ModuleType
    config: Any
    identity: dict[str, Any]  # what of the study, besides its own flags, makes this task's runs what they are


def commands() -> dict[str, cli.Command]:
    """Technique -> the experiment that trains it."""
    found = {}
    for each in pkgutil.iter_modules(experiments.__path__):
        if each.name != "optimizer_study":
            command = getattr(importlib.import_module(f"experiments.{each.name}"), "COMMAND", None)
            if command is not None:
                found[command.config.__module__] = command
    return found


def modules() -> dict[str, ModuleType]:
    """The technique's name, its file's, -> its module."""
    walked = pkgutil.walk_packages(techniques.__path__, f"{techniques.__name__}.")
    return {each.name.rsplit(".", 1)[-1]: importlib.import_module(each.name) for each in walked if not each.ispkg}


def made(name: str, argv: Sequence[str], given: Mapping[str, Any], evaluations: int, optimizers: Sequence[str]) -> Made:
    """The task of that name.

    Args:
        name: TECHNIQUE, TECHNIQUE:PRESET or a surface.
        argv: flags for the technique's experiment that this study was given too: data, batch size, steps, settings.
        given: the same by name, for a technique that has no experiment.
        evaluations: on the validation split in a run, about equally far apart.
        optimizers: those of the study, which the settings must fit.

    Raises:
        Refused: there is no such task or preset, it has no objective, or the flags do not fit it.
    """
    technique, _, preset = ("surface", "", name) if name in surfaces.SURFACES else name.partition(":")
    known = modules()
    if technique not in known:
        near = difflib.get_close_matches(technique, [*known, *surfaces.SURFACES]) or [*known, *surfaces.SURFACES]
        raise Refused(f"there is no task {name!r}; the nearest: {', '.join(near)}")
    module = known[technique]
    command = commands().get(module.__name__)
    texts = command is not None and command.flags is text_reader.TextFlags
    build = own_data if hasattr(module, "source") else of_texts if texts else of_images
    config, settings, policy, sources, steps, epoch, data = build(name, module, preset, argv, given)
    told = {"steps": steps, **values(settings), **values(policy), **data}

    def factory(optimizer: str) -> Callable:
        return chosen(optimizer, fitting(settings, optimizer), epoch, steps)

    for optimizer in optimizers:  # each is refused now, and not after hours
        factory(optimizer)
    every = -(-steps // evaluations)
    train, valid, test = sources
    problem = Problem(
        name, lambda optimizer: module.make(config, optimizer), factory, train, valid, test, steps, every, policy
    )
    fold = checked(problem).make(factory("sgd")).evaluate
    metric, definition = next(iter(fold.definitions.items()))
    identity = {"technique": module.__name__, "config": flat(config), **told}
    return Made(problem, Task(name, metric, definition, fold.better), module, config, identity)


def fitting(settings: Settings, optimizer: str) -> Settings:
    """The settings without the hyper-parameters that this optimiser of several does not have."""
    takes, defaults = find(optimizer).takes, values(Settings())
    return dataclasses.replace(settings, **{name: defaults[name] for name in HYPERPARAMETERS if name not in takes})


def own_data(name, module, preset, argv, given):
    """What a technique is that makes its own data: module.source(config), module.holdout()."""
    presets = {"": {}, **getattr(module, "PRESETS", {})}
    if preset not in presets:
        raise Refused(f"unknown preset {preset!r} of {name}; known: {', '.join(filter(None, presets))}")
    config = built(module.Config, presets[preset])
    settings = built(Settings, given)
    check(config)
    steps = given.get("steps") or UPDATES
    policy = cutting(built(Policy, given), settings)
    return config, settings, policy, (module.source(config), module.holdout(), module.holdout()), steps, steps, {}


def of_images(name, module, preset, argv, given):
    """What a technique is whose experiment reads a set of images."""
    command = commands().get(module.__name__)
    if command is None:
        raise Refused(f"{name} has no experiment that says what data it is trained on")
    flags, config = parsed(command, preset, argv)
    dataset = image_reader.dataset(flags, least=2 if hasattr(config, "labels") else 0)
    config = image_reader.fitted(config, dataset)
    resident = flags.resident_mb * 2**20
    splits = [holdout(split, flags.batch_size, resident) for split in (dataset.valid, dataset.test)]
    sources = (source(dataset.train, flags.batch_size, resident), *splits)
    steps = image_reader.updates(flags, dataset)
    data = {"batch_size": flags.batch_size, "data": dataset.sha256}
    return config, flags.settings, policy_of(flags), sources, steps, image_reader.epoch(flags, dataset), data


def of_texts(name, module, preset, argv, given):
    """What a technique is whose experiment reads a text; without a test split, it is judged on the validation split."""
    flags, config = parsed(commands()[module.__name__], preset, argv)
    text = text_reader.text(flags, config)
    config = text_reader.fitted(config, text, flags)
    test = text.test if len(text.test.tokens) else text.valid
    splits = [text_reader.holdout(split, config) for split in (text.valid, test)]
    sources, steps = (text_reader.source(flags, config, text), *splits), text_reader.updates(flags, config, text)
    data = {"batch_size": flags.batch_size, "data": text.sha256}
    return config, flags.settings, policy_of(flags), sources, steps, text_reader.epoch(flags, config, text), data


def parsed(command: cli.Command, preset: str, argv: Sequence[str]) -> tuple[Any, Any]:
    """Flags and Config of an experiment: its preset, and what of `argv` it has a flag for."""
    known = {each.name for each in [*knobs(command.flags), *knobs(command.config)]}
    own = [each for each in argv if each.removeprefix("--").partition("=")[0] in known]
    return cli.parse(command, [*([f"--preset={preset}"] if preset else []), "--optimizer=sgd", *own])
