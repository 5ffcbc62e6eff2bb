"""The command line of an optimiser study: its flags, and the way from them to tables, figures and report."""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from jaxgen.core.config import knob, knobs, nested
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.settings import Settings
from jaxgen.report.page import Chapter
from jaxgen.run import cli, workdir
from jaxgen.run.control import Group
from jaxgen.run.distributed import MACHINE, Processes, joined, silent
from jaxgen.run.experiment import Experiment, short
from jaxgen.run.flags import DATA
from jaxgen.run.machine import prepare
from jaxgen.run.parsing import alone, usage
from jaxgen.study import division, grid, store
from jaxgen.study.beside import study_beside
from jaxgen.study.conclusion import conclude
from jaxgen.study.origins import check_optimizers, code_of_optimizer
from jaxgen.study.protocol import Entrant, Protocol
from jaxgen.study.setup import check_lengths, passed_flags, study_identity
from jaxgen.study.tasks import make_task
from jaxgen.study.variants import by_flag, check_varied, labelled, parse_vary

STUDY = "study"  # heading of --help


@dataclasses.dataclass(frozen=True)
class Flags:
    """The flags of a study; what else its tasks need are their experiments' presets and defaults."""

    workdir: str = knob(
        "runs/optimizer_study", "the study's directory; the same command again goes on", free=True, group=STUDY
    )
    tasks: str = knob(
        "rosenbrock,beale",
        "with commas: NAME or NAME:PRESET of an experiment, a surface, or of your own MODULE, MODULE:PRESET or "
        "MODULE:EXPERIMENT",
        group=STUDY,
    )
    optimizers: str = knob(
        "sgd,momentum,nesterov,adagrad,rmsprop,adam",
        "ours, optax.NAME, or MODULE:FUNCTION of your own: a factory as optax has them, whose first argument is "
        "learning_rate",
        free=True,
        group=STUDY,
    )
    learning_rates: str = knob("1e-4:1e0:9", "LOW:HIGH:COUNT, logarithms equally spaced, or a list", group=STUDY)
    rates: str = knob(
        "",
        "of some optimisers instead, as in 'adam:1e-4:1e-2:5;sgd:0.1,0.3'; rates once tried stay in the tables",
        free=True,
        group=STUDY,
    )
    vary: str = knob(
        "",
        "FLAG=VALUE,VALUE,...: one more hyper-parameter, of optimisers, technique or batch; the rate is tuned for each "
        "value, as if it made another optimiser",
        free=True,
        group=STUDY,
    )
    tuning_seeds: int = knob(3, "seeds that choose the rate", lower=1, upper=10_000, group=STUDY)
    seeds: int = knob(10, "fresh seeds that judge the best rate", lower=1, upper=10_000, free=True, group=STUDY)
    steps: int | None = knob(None, "updates of a run; the preset's by default", lower=1, upper=2**31 - 1, group=STUDY)
    epochs: int | None = knob(None, "instead of steps: passes over the data", lower=1, upper=2**31 - 1, group=STUDY)
    max_seconds: float = knob(
        0.0,
        "of training in a run, without validations; 0: any. An optimiser's runs end after as many updates as fit, by a "
        "measurement before the first of them",
        lower=0.0,
        group=STUDY,
    )
    evaluations: int = knob(20, "validations in a run, about", lower=1, upper=10_000, group=STUDY)
    mode: Literal["auto", "vmap", "map", "single"] = knob(
        "auto",
        "runs side by side in every operation (vmap), one after the other in a program (map) or from Python (single); "
        "auto: the fastest by a measurement, recorded and kept. Modes round differently, and training amplifies "
        "that: to repeat a study to the same bytes, name the mode that its summary.json has",
        group=STUDY,
    )
    baseline: str = knob(
        "", "the optimiser that the others are compared with; the first by default", free=True, group=STUDY
    )
    target: str = knob(
        "", "objective that counts as solved, one for each task with commas; instead of a share", free=True, group=STUDY
    )
    target_share: float = knob(
        0.95,
        "share of the way from untrained to the best that counts as solved",
        above=0.0,
        upper=1.0,
        free=True,
        group=STUDY,
    )
    compare: str = knob(
        "", "directory of another study of the same tasks, to show in the same tables", free=True, group=STUDY
    )
    extend: bool = knob(False, "widen the grid while the best rate is at an end of it", free=True, group=STUDY)
    dataset: str = knob("", "instead of the preset's, in all tasks that read images", group=DATA)
    corpus: str = knob("", "instead of the preset's, in all tasks that read a text", group=DATA)
    data_dir: str = knob("", "where local files live; JAXGEN_DATA by default", free=True, group=DATA)
    resident_mb: int = knob(
        1024, "largest set in MiB: a study holds its data in memory", lower=0, free=True, group=DATA
    )
    batch_size: int | None = knob(None, "instead of the preset's", lower=1, upper=2**31 - 1, group=DATA)
    settings: Settings = nested(Settings())
    policy: Policy = nested(Policy())
    host_devices: int = knob(1, "CPU devices to divide the runs among", lower=1, upper=64, group=MACHINE)
    together: Processes = nested(Processes())
    compilation_cache: str = knob(
        "", "a directory to keep compiled programs in; auto: in the cache folder", free=True, group=MACHINE
    )


def launch(
    name: str, doc: str, experiments: Mapping[str, Experiment], argv: Sequence[str] | None = None, **defaults: Any
) -> int:
    """Runs a study as the command line says; returns the exit code, see `run.cli.guarded`.

    Args:
        name: of the script's module, for `python -m NAME`.
        doc: the script's docstring; its first paragraph opens --help.
        experiments: those that --tasks can name, by their names there.
        argv: the command line; that of the process by default.
        defaults: of flags, where they differ from `Flags`.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"--help", "-h"} & set(argv):
        print(usage(name, doc, knobs(Flags), defaults=defaults))
        return 0
    return cli.guarded(short(name), lambda: study(experiments, argv, **defaults))


def study(experiments: Mapping[str, Experiment], argv: Sequence[str], **defaults: Any) -> list[Chapter]:
    """Trains what is missing, reports on all, returns the chapters. Raises Refused; arguments as in `launch`.

    Of several processes each trains the runs of some of the optimisers, and process 0 reports.
    """
    defaults = {"data_dir": os.environ.get("JAXGEN_DATA", ""), **defaults}
    flags, explicit = alone("optimizer_study", Flags, argv, **defaults)
    prepare(flags.host_devices, flags.compilation_cache)
    with joined(flags.together) as group, silent(group):
        return _together(experiments, flags, explicit, group)


def _together(
    experiments: Mapping[str, Experiment], flags: Flags, explicit: Mapping[str, Any], group: Group
) -> list[Chapter]:
    """What `study` does in each process; process 0 returns the chapters."""
    optimizers = parse_names(flags.optimizers, "optimizers")
    common, own = tuple(grid.parse_rates(flags.learning_rates)), grid.parse_own_rates(flags.rates, optimizers)
    passed, variants = passed_flags(explicit, optimizers), parse_vary(flags.vary, optimizers, explicit)
    labels = [each.label for each in variants]
    if flags.baseline and flags.baseline not in labels:
        raise Refused(f"--baseline={flags.baseline} is none of --optimizers={','.join(labels)}")
    names = parse_names(flags.tasks, "tasks")
    grid.parse_targets(flags.target, names)
    make = lambda name, argv: make_task(name, experiments, argv, flags.evaluations, optimizers)
    tasks = group.before(lambda: [make(name, passed) for name in names])
    check_lengths(flags.max_seconds, tasks)
    check_varied(flags.vary, tasks)
    varied = {flag: [make(name, [*passed, flag]) for name in names] for flag in by_flag(variants) if flag}
    identity = study_identity(flags, tasks)
    other = study_beside(flags.compare, identity, flags.workdir)
    codes = {each.label: code_of_optimizer(each.optimizer) for each in variants}
    entrants = {e.label: Entrant(e.label, own.get(e.optimizer, common), codes[e.label]) for e in variants}
    protocol = Protocol(flags.tuning_seeds, flags.seeds, flags.extend, flags.max_seconds)
    with workdir.open_workdir(flags.workdir, identity, group) as folder:
        group.first(lambda: division.merge(folder))
        check_optimizers(folder, store.read_rows(folder), codes)
        parts = []
        for number, each in enumerate(tasks):
            for flag, same in by_flag(variants).items():
                problem = labelled(varied.get(flag, tasks)[number].problem, same)
                parts.append(division.Part(each.task, problem, [entrants[one.label] for one in same]))
        division.train(folder, parts, protocol, flags.mode, group)
        return [] if group.process else conclude(folder, flags, tasks, variants, other)


def parse_names(text: str, flag: str) -> list[str]:
    """The parts of a list with commas, each once. Raises Refused where there is none."""
    names = list(dict.fromkeys(part for part in text.split(",") if part))
    if not names:
        raise Refused(f"--{flag} names nothing")
    return names
