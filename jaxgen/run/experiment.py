"""An experiment is a value, and so is the data it reads: what every run, study, tour and benchmark is made from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.config import fitted
from jaxgen.core.types import Fold, Holdout, Measured, Refused, Source, Stage, State, Technique
from jaxgen.data.sources import beside
from jaxgen.optim.settings import Factory
from jaxgen.report.items import Arrays, Figure, Lines, Still, Table

LARGEST = 2**31 - 1  # updates are counted in int32


class Data(NamedTuple):
    """What a kind of data brings to a run."""

    facts: Mapping[str, Any]  # fields of a Config that the data decide: shape, labels, vocabulary, batch
    train: Source
    valid: Holdout | None
    test: Holdout | None
    epoch: int  # updates in a pass over the training split
    sha256: str  # of all splits: results are comparable only where it agrees
    examples: Any = None  # for figures
    judged: str = "test"  # the name of the split that `test` is, "valid" where there is no other
    counted: tuple[str, int] = ("", 0)  # what speeds are told in, and how many of them an update has: ("images", 128)


class Reader(NamedTuple):
    """How one kind of data is read."""

    flags: type  # the class of a run's flags: RunFlags with those of this data
    read: Callable[[Any, Any], Data]  # flags, the technique's Config -> Data; raises Refused


class Choice(NamedTuple):
    """Several techniques behind one flag, each a module with a Config of its own."""

    flag: str
    help: str
    modules: Mapping[str, ModuleType]  # the flag's values; the first is its default


class Setting(NamedTuple):
    """A run before it is trained: the argument of the functions of an Experiment."""

    flags: Any
    module: ModuleType  # the technique's
    config: Any  # an instance of module.Config that has the data's facts
    data: Data
    optimizers: Callable[[int], Sequence[Factory]]  # updates of a stage -> the optimiser of each player


class Watch(NamedTuple):
    """What to look at while a run trains, at each multiple of --eval_every and at each stage's end."""

    # setting, stages -> (stage, updates over all stages, State) -> what is kept
    look: Callable[[Setting, Sequence[Stage]], Callable[[int, int, State], Iterable[Still | Arrays | Lines]]]
    at_start: bool = False  # also before the first update


class Result(NamedTuple):
    """A run after training: the argument of `show`."""

    stage: Stage  # the last one
    state: State  # with the best parameters where they are kept, the last ones otherwise
    steps: int  # updates over all stages
    seconds: float  # of training, earlier parts of the same run included
    measured: dict[str, Measured]  # on the test split, the headline first
    tally: Any  # of the technique's Fold, over the test split
    history: Callable[..., dict[int, Any]]  # `watched.history` of the run: name[, most] -> updates -> what was kept
    best_step: int | None = None  # of the updates, where the last stage's best evaluation was


def one_stage(setting: Setting) -> list[Stage]:
    """The whole run in one stage, evaluated on the validation split."""
    steps = updates(setting.flags, setting.data.epoch)
    return [stage(setting, setting.config, steps)]


def nothing(*args: Any) -> Iterator[Any]:
    """Yields nothing."""
    return iter(())


class Experiment(NamedTuple):
    """All that is particular to an experiment; `run.conduct` does the rest."""

    name: str  # of its module, for `python -m NAME`; its last part names the runs
    doc: str  # the module's docstring; its first paragraph opens --help
    title: str  # of the report
    text: str  # what the technique does, for the report
    technique: ModuleType | Choice
    data: Reader
    presets: Mapping[str, Mapping[str, Any]] = {}  # name -> flag -> value
    defaults: Mapping[str, Any] = {}  # flag -> value
    players: tuple[str, ...] = ()  # further players, each with flags --PLAYER_optimizer and so on
    plan: Callable[[Setting], Sequence[Stage]] = one_stage
    # The other run's stage in config.json, this Config -> names of parameters that --init_from leaves as drawn. Raises
    # Refused where parameters would fit and mean something else.
    anew: Callable[[Mapping[str, Any], Any], Iterable[str]] = nothing
    # Flags that are chosen -> what files that they name decide of others: stronger than a preset.
    decided: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda chosen: {}
    # A file in --init_from, this Config -> parameters to start from; None: only runs are started from.
    foreign: Callable[[str, Any], Any] | None = None
    watch: Watch | None = None
    folds: Callable[[Setting], Iterable[Fold]] = nothing  # further measures of the test split, listed before the others
    beginnings: Callable[[Setting], Iterable[Fold]] = nothing  # what they compare with, listed after them
    show: Callable[[Setting, Result], Iterable[Figure | Table]] = nothing
    instead: Callable[[Any], Callable[[], None] | None] = lambda flags: None  # what to do where nothing is trained


def short(name: str) -> str:
    """An experiment's name without its package: what its runs are called."""
    return name.rsplit(".", 1)[-1]


def technique_modules(experiment: Experiment) -> Sequence[ModuleType]:
    """The modules of the experiment's techniques."""
    technique = experiment.technique
    return list(technique.modules.values()) if isinstance(technique, Choice) else [technique]


def updates(flags: Any, epoch: int) -> int:
    """Updates in all, from --steps or --epochs, one pass without either.

    Raises Refused where an int32 cannot count them.
    """
    total = flags.steps or (flags.epochs or 1) * epoch
    if total > LARGEST:
        raise Refused(f"--epochs={flags.epochs} are {total:,} updates; at most {LARGEST:,} can be counted")
    return total


def shares(total: int, parts: int) -> list[int]:
    """The updates of each of several stages, as equal as they can be; what is left over goes to the last ones.

    Raises Refused where there are fewer updates than stages.
    """
    if total < parts:
        raise Refused(f"--steps={total} are too few for {parts} stages; at least one each is needed")
    return [total * (n + 1) // parts - total * n // parts for n in range(parts)]


def stage(setting: Setting, config: Any, steps: int, adopt: Any = None, **facts: Any) -> Stage:
    """A Stage of the setting's technique and data.

    Args:
        setting: the run's.
        config: the technique's Config; another one than the setting's where stages differ.
        steps: updates; the optimisers' schedules end with them.
        adopt: how it starts from the stage before, see `Stage`.
        facts: fields of the Config that differ in this stage, such as the shape of its images.
    """
    config, data = fitted(config, facts), setting.data
    technique = setting.module.make(config, *setting.optimizers(steps))
    return Stage(technique, data.train, steps, data.valid, adopt, setting.module.__name__, config)


def fits(technique: Technique, data: Data) -> None:
    """Traces a step. Raises Refused for what a technique refuses of its data, before anything is written."""
    key, number = jax.random.key(0), jax.ShapeDtypeStruct((), jnp.int32)
    batch = lambda arguments, n: training_batch(functions_of(data.train), arguments, None, key, n)
    like = jax.eval_shape(batch, arrays_of(data.train), number)
    jax.eval_shape(technique.step, jax.eval_shape(technique.init, key), like)


def sharing(data: Data, **entries: Any) -> Data:
    """The data whose batches, those of all splits, have further entries that their examples share."""
    valid, test = (split and beside(split, **entries) for split in (data.valid, data.test))
    return data._replace(train=beside(data.train, **entries), valid=valid, test=test)


def with_shared(reader: Reader, name: str, load: Callable[[Any], Any]) -> Reader:
    """The reader, each of whose splits has a further entry in all batches: a frozen network, say.

    Args:
        reader: of the examples.
        name: of the entry; the technique has it in `Technique.shared`.
        load: flags -> the pytree of arrays. It is replicated over devices and never written.
    """
    return reader._replace(read=lambda flags, config: sharing(reader.read(flags, config), **{name: load(flags)}))
