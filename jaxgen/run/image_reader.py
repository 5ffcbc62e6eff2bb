"""From a data set and a run's flags to a Stage, and to what is measured of its State."""

import dataclasses
from typing import Any, TypeVar

import jax

from jaxgen.core.evaluation import finish, key_of_test, tally
from jaxgen.core.sharding import spread
from jaxgen.core.types import Fold, Refused, Stage, State, Technique
from jaxgen.data.examples import Dataset, Examples
from jaxgen.data.images.sets import sets
from jaxgen.data.sources import source, sweep
from jaxgen.optim.settings import Factory, chosen
from jaxgen.run import machine, results
from jaxgen.run.bar import bar

C = TypeVar("C")  # a technique's Config


def dataset(flags: Any, least: int = 0) -> Dataset:
    """The part of a set of images that the flags name, of at least so many classes. Raises Refused, see `images`."""
    resident = flags.resident_mb * 2**20
    return sets.load(flags.dataset, flags.data_dir, flags.image_size, resident, flags.classes, flags.per_class, least)


def fitted(config: C, dataset: Dataset) -> C:
    """The Config with the `shape` of the data set's images, and its classes as `labels` where it has that field."""
    found = {"shape": dataset.shape, "labels": dataset.classes}
    names = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    return dataclasses.replace(config, **{name: found[name] for name in names & found.keys()})  # type: ignore[type-var]


def optimizer(flags: Any, dataset: Dataset) -> Factory:
    """The optimiser that the flags name, its schedule counting this data set's epochs.

    Raises Refused where the flags do not go together.
    """
    return chosen(flags.optimizer, flags.settings, epoch(flags, dataset), updates(flags, dataset))


def epoch(flags: Any, dataset: Dataset) -> int:
    """Updates in a pass over the training split; 1 where a batch is larger than it, which `image_stage` refuses."""
    return max(1, len(dataset.train.label) // flags.batch_size)


def updates(flags: Any, dataset: Dataset) -> int:
    """Updates in all, from --steps or --epochs. Raises Refused where an int32 cannot count them."""
    total = flags.steps or flags.epochs * epoch(flags, dataset)
    if total >= 2**31:
        raise Refused(f"--epochs={flags.epochs} are {total:,} updates; at most {2**31 - 1:,} can be counted")
    return total


def image_stage(technique: Technique, dataset: Dataset, flags: Any) -> Stage:
    """Trains on shuffled epochs of the training split, evaluates on the validation split.

    Raises Refused where the batch is larger than the split, or cannot be divided among the devices.
    """
    training = source(dataset.train, flags.batch_size, flags.resident_mb * 2**20)
    validation = sweep(dataset.valid, flags.batch_size, flags.resident_mb * 2**20)
    placed = machine.shardings()
    if placed:
        batches = placed[1]
        if flags.batch_size % batches.mesh.size:
            raise Refused(f"--batch_size={flags.batch_size} cannot be divided among {batches.mesh.size} devices")
        training, validation = spread(training, batches), spread(validation, batches)
    return Stage(technique, training, updates(flags, dataset), validation)


def measure(
    fold: Fold, state: State, examples: Examples, flags: Any, slow: bool = False
) -> dict[str, tuple[float, str]]:
    """The fold's metrics on the test split, named `test_...`, each with its definition; the rest is as in `tallied`."""
    return named(fold, tallied(fold, state, examples, flags, slow))


def tallied(fold: Fold, state: State, examples: Examples, flags: Any, slow: bool = False) -> Any:
    """What the fold counts over the test split.

    The draws are those of the seed, whatever is measured; nothing in training has them. Of a `slow` one, a bar shows
    how far it is.
    """
    test = sweep(examples, flags.batch_size, flags.resident_mb * 2**20)
    key = key_of_test(jax.random.key(flags.seed))
    if not slow:
        return tally(fold, state, test, key)
    at_once = max(1, min(test.at_once or 10, 10, test.batches // 20))
    with bar(test.batches, f"test {next(iter(fold.definitions))}", unit="batches") as advance:
        return tally(fold, state, test, key, at_once, lambda done: advance(done, {}))


def named(fold: Fold, counted: Any) -> dict[str, tuple[float, str]]:
    """The metrics of such a tally, named `test_...`, each with its definition."""
    return results.measured(finish(fold, counted), fold.definitions)
