"""The study of one more hyper-parameter than the rate: each of its values makes an optimiser of its own in tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgen.core.config import knobs
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings
from jaxgen.study.problems import Problem
from jaxgen.study.tasks import StudyTask


class Variant(NamedTuple):
    """An optimiser that takes part, with one value of the hyper-parameter that varies, where one does."""

    label: str  # in rows and tables: "adam weight_decay=0.0001"
    optimizer: str  # its name
    flag: str = ""  # as on a command line: "--weight_decay=0.0001"; "" where nothing varies


def parse_vary(text: str, optimizers: Sequence[str], explicit: Mapping[str, Any]) -> list[Variant]:
    """The variants of --vary=FLAG=VALUE,VALUE,..., optimiser by optimiser; for "" the optimisers as they are.

    Raises Refused where the text is no such list, the flag is given besides, or an optimiser does not have it.
    """
    if not text:
        return [Variant(name, name) for name in optimizers]
    flag, _, listed = text.partition("=")
    values = list(dict.fromkeys(tidy(part) for part in listed.split(",") if part))
    if not flag or not values:
        raise Refused(f"--vary is FLAG=VALUE,VALUE,... such as weight_decay=0,1e-4, not {text[:60]!r}")
    if explicit.get(flag) is not None:
        raise Refused(f"--vary={flag}=... and --{flag} exclude each other")
    if without := [name for name in optimizers if flag in HYPERPARAMETERS and flag not in find(name).takes]:
        raise Refused(f"--vary={flag}: {', '.join(without)} has no --{flag}")
    return [Variant(f"{name} {flag}={value}", name, f"--{flag}={value}") for name in optimizers for value in values]


def tidy(value: str) -> str:
    """A number in one spelling, 1e-4 as 0.0001; other text as it is."""
    try:
        return str(int(value)) if value.lstrip("+-").isdigit() else f"{float(value):g}"
    except ValueError:
        return value


def check_varied(text: str, tasks: Sequence[StudyTask]) -> None:
    """Raises Refused where what varies is no hyper-parameter of each task's optimiser, technique or batch."""
    names = set.intersection(*({each.name for each in knobs(type(task.config))} for task in tasks))
    names |= {each.name for each in knobs(Settings)} | {"batch_size"}
    if (flag := text.partition("=")[0]) and flag not in names:
        raise Refused(f"--vary={flag}: it is no hyper-parameter of the tasks; there are {', '.join(sorted(names))}")


def by_flag(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Flag -> the variants with it: they are trained on one problem."""
    return {flag: [each for each in variants if each.flag == flag] for flag in dict.fromkeys(v.flag for v in variants)}


def labelled(problem: Problem, variants: Sequence[Variant]) -> Problem:
    """The problem, whose optimisers are named by the labels of variants."""
    optimizers = {each.label: each.optimizer for each in variants}
    return problem._replace(factory=lambda label: problem.factory(optimizers[label]))
