"""A study's runs, divided among processes: each trains all runs of some optimisers, as one process would train them.

Processes wait for each other only at the end. Each writes files of its own, which process 0 merges, those too that were
left by processes that were killed.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxgen.run.bar import bar
from jaxgen.run.control import Group
from jaxgen.study import execution, store
from jaxgen.study.problems import Problem
from jaxgen.study.protocol import Entrant, Protocol, run_study, settle
from jaxgen.study.statistics import Task


class Part(NamedTuple):
    """Optimisers of a task that train the same problem."""

    task: Task
    problem: Problem
    entrants: Sequence[Entrant]


def train(folder: Path, parts: Sequence[Part], protocol: Protocol, mode: str, group: Group) -> None:
    """Trains what is missing of a study. Every process of the group has to call it, with the same arguments.

    Args:
        folder: the study's directory.
        parts: those of a task side by side.
        protocol: which runs each optimiser gets.
        mode: see `run_study`.
        group: of processes.
    """
    if group.processes > 1:  # they train alike: process 0 measures, before there is more to do
        group.first(lambda: _settle(folder, parts, protocol, mode))
    for own in (list(same) for _, same in itertools.groupby(shares(parts, group), lambda part: part.task.name)):
        _train_task(folder, own, protocol, mode, group.process)
    group.exchange("trained")
    group.first(lambda: merge(folder))


def shares(parts: Sequence[Part], group: Group) -> Iterator[Part]:
    """The parts with the optimisers that are this process's, dealt out in turn; those without any are left out."""
    number = itertools.count()
    for part in parts:
        mine = [entrant for entrant in part.entrants if next(number) % group.processes == group.process]
        if mine:
            yield part._replace(entrants=mine)


def merge(folder: Path) -> None:
    """Makes one file of those that processes wrote."""
    store.merge(folder)
    execution.merge(folder)


def _settle(folder: Path, parts: Sequence[Part], protocol: Protocol, mode: str) -> None:
    """Writes down how the runs of each task are trained side by side."""
    for _, same in itertools.groupby(parts, lambda part: part.task.name):
        first = next(same)
        settle(folder, first.problem, first.entrants[0], protocol, mode)


def _train_task(folder: Path, parts: Sequence[Part], protocol: Protocol, mode: str, process: int) -> None:
    """Trains what is missing of a task's runs, a part after the other."""
    every = {entrant.label: entrant for part in parts for entrant in part.entrants}
    runs = sum(len(each.rates) * protocol.tuning_seeds + protocol.seeds for each in every.values())
    name, steps = parts[0].problem.name, parts[0].problem.steps
    mine = lambda row: row["task"] == name and row["optimizer"] in every
    done = sum(row["steps"] for row in store.read_rows(folder, process) if mine(row))
    with bar(runs * steps, parts[0].task.name, start=done, unit="updates") as show:

        def advance(updates: int) -> None:
            nonlocal done
            done += updates
            show(done, {})

        for part in parts:
            run_study(folder, part.problem, part.task, part.entrants, protocol, mode, advance=advance, process=process)
