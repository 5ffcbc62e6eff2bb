"""One run of an experiment from its command line to its report: the flow that everything goes through."""

from collections.abc import Sequence
from typing import Any

import jax

from jaxgen.core import loop
from jaxgen.core.accumulation import accumulated
from jaxgen.core.config import fitted
from jaxgen.core.evaluation import finish as finish_fold
from jaxgen.core.evaluation import key_of_test, tally
from jaxgen.core.sharding import Layout, local, place_state, spread_stage, spread_whole
from jaxgen.core.types import Fold, Measured, Refused, Stage, State
from jaxgen.report.items import Arrays, Lines, Still
from jaxgen.report.page import Chapter
from jaxgen.run import machine, results, watched
from jaxgen.run.bar import bar
from jaxgen.run.control import ALONE, Group
from jaxgen.run.distributed import joined, several, silent
from jaxgen.run.experiment import Data, Experiment, Result, Setting
from jaxgen.run.export import check_export
from jaxgen.run.inherit import starting_from
from jaxgen.run.parsing import Parsed, parse
from jaxgen.run.players import factories, with_own_rates
from jaxgen.run.profiling import check_profile
from jaxgen.run.train import layout_of, train_run, warn
from jaxgen.run.workdir import identity, open_workdir


def conduct(experiment: Experiment, argv: Sequence[str]) -> Chapter | None:
    """Trains, measures, draws and reports; returns the report's chapter, None where the flags ask for no training.

    Raises Refused for flags or data that cannot be used; nothing was overwritten then.
    """
    parsed = parse(experiment, argv)
    flags = parsed.flags
    machine.prepare(flags.host_devices, flags.compilation_cache, flags.matmul_precision, flags.deterministic)
    if work := experiment.instead(flags):
        if several(flags.together):
            raise Refused("without training there is nothing to do for several processes")
        return work()
    check_export(flags.export)
    check_profile(flags.profile)
    with joined(flags.together) as group, silent(group):
        return together(experiment, parsed, group)


def together(experiment: Experiment, parsed: Parsed, group: Group) -> Chapter | None:
    """What `conduct` does in each of the processes of a run; process 0 returns the report's chapter."""
    parsed, lines = with_own_rates(parsed)
    for line in lines:
        print(line)
    flags, setting = parsed.flags, group.before(lambda: read(experiment, parsed))
    planned, previous = starting_from(flags.init_from, experiment.plan(setting), experiment.anew, experiment.foreign)
    whole = in_parts(planned, flags)
    stages = on_devices(whole, flags, group)
    wanted = identity(flags, stages, setting.data.sha256, previous, parsed.players)
    watching = experiment.watch if not group.process else None
    watch = watching.look(setting, whole) if watching else lambda stage, total, state: ()
    with open_workdir(flags.workdir, wanted, group) as directory:

        def look(stage: int, total: int, state: State) -> list[Still | Arrays | Lines]:
            items = list(watch(stage, total, state))
            watched.keep(directory, total, items)
            return items

        if watching and watching.at_start and not (directory / "checkpoints").exists():
            look(0, 0, loop.first_state(stages[0], jax.random.key(flags.seed), previous=previous))
        outcome = train_run(directory, flags, stages, look, previous, setting.data.counted, group)
        layout = layout_of(flags, group)
        measured, counted = measure(experiment, setting, stages[-1], outcome.state, layout)
        outcome = outcome._replace(state=local(outcome.state, layout))
        if group.process:
            return None
        history = lambda name, most=None: watched.history(directory, name, outcome.steps, most)
        result = Result(whole[-1], *outcome[:3], measured, counted, history, outcome.best_step)
        return results.write_results(
            directory, experiment, stages, flags.seed, result, experiment.show(setting, result), flags.export
        )


def read(experiment: Experiment, parsed: Parsed) -> Setting:
    """The setting of a run: its data are read, and its technique's Config fitted to them.

    Raises Refused for an optimiser, before anything is read, or for data that cannot be used.
    """
    flags, module, config, players, _ = parsed
    factories(flags, players)
    data = experiment.data.read(flags, config)
    optimizers = lambda steps: factories(flags, players, data.epoch, steps)
    return Setting(flags, module, fitted(config, data.facts), data, optimizers)


def in_parts(stages: Sequence[Stage], flags: Any) -> Sequence[Stage]:
    """The stages, whose updates are of --accumulate micro-batches. Raises Refused, see `accumulated`."""
    parts = flags.accumulate
    if flags.batch_size % parts:
        raise Refused(f"--accumulate={parts} must divide --batch_size={flags.batch_size}")
    if parts == 1:
        return stages
    return [stage._replace(technique=accumulated(stage.technique, parts)) for stage in stages]


def on_devices(stages: Sequence[Stage], flags: Any, group: Group = ALONE) -> Sequence[Stage]:
    """The stages with their batches split over as many devices as divide them; says so where others are left out."""
    sizes = flags.batch_size // flags.accumulate, 0
    used, there = (machine.sharing(size, flags.devices, group.processes) for size in sizes)
    if used < there:
        part = f" / --accumulate={flags.accumulate}" if flags.accumulate > 1 else ""
        warn(f"{used} of {there} devices are used: more do not divide --batch_size={flags.batch_size}{part}")
    layout = layout_of(flags, group)
    return [spread_stage(stage, layout) for stage in stages] if layout else stages


def measure(
    experiment: Experiment, setting: Setting, stage: Stage, state: State, layout: Layout | None
) -> tuple[dict[str, Measured], Any]:
    """The metrics of the test split, the experiment's further ones first, and the technique's tally.

    On several devices each of them reads its part of every batch, as in training; every process has to call this.
    """
    data, flags, fold = setting.data, setting.flags, stage.technique.evaluate
    if data.test is None or not fold.definitions:
        return {}, None
    if layout:
        data, state = data._replace(test=spread_whole(data.test, layout)), place_state(stage.technique, state, layout)
    further = lambda folds: [finish_fold(each, counted(each, state, data, flags, slow=True)) for each in folds(setting)]
    before, own, after = further(experiment.folds), counted(fold, state, data, flags), further(experiment.beginnings)
    metrics = dict(item for each in (*before, finish_fold(fold, own), *after) for item in each.items())
    return results.prefixed(metrics, data.judged), local(own, layout)


def counted(fold: Fold, state: State, data: Data, flags: Any, slow: bool = False) -> Any:
    """The fold's tally over the test split; a `slow` one shows a bar.

    The draws are those of the seed, whatever is measured; nothing in training has them.
    """
    assert data.test is not None
    key = key_of_test(jax.random.key(flags.seed))
    if not slow:
        return tally(fold, state, data.test, key)
    at_once = max(1, min(data.test.at_once or 10, 10, data.test.batches // 20))
    title = f"{data.judged} {next(iter(fold.definitions))}"
    with bar(data.test.batches, title, unit="batches") as advance:
        return tally(fold, state, data.test, key, at_once, lambda done: advance(done, {}))
