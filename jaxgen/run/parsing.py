"""From a command line to checked configurations, and the text of --help.

Explicit flags beat what a file of weights decides, that beats a `--preset`, a preset beats the experiment's own
defaults, and those beat the class's.
"""

import os
import textwrap
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from absl import flags as absl_flags

from jaxgen.core.config import Knob, built, check, knobs
from jaxgen.core.types import Refused
from jaxgen.run.experiment import Choice, Experiment, short, technique_modules
from jaxgen.run.flags import players_class
from jaxgen.run.precedence import complete, merge, without_rate


class Parsed(NamedTuple):
    """A command line as checked configurations."""

    flags: Any  # an instance of the reader's class of flags
    module: ModuleType  # the technique's
    config: Any  # an instance of module.Config; what the data decide is still at its default
    players: Any  # an instance of `players_class`
    unrated: Mapping[str, str] = {}  # flag of a learning rate -> optimiser, see `precedence.without_rate`


def parse(experiment: Experiment, argv: Sequence[str]) -> Parsed:
    """The configurations of a run. Raises Refused, in one sentence that says what is wrong."""
    typed = explicit(short(experiment.name), every_knob(experiment), argv)
    preset = typed.get("preset") or experiment.defaults.get("preset", "")
    if preset and preset not in experiment.presets:
        raise Refused(f"unknown preset {preset!r}; known: {', '.join(sorted(experiment.presets)) or 'none'}")
    if {"steps", "epochs"} <= typed.keys():
        raise Refused("give --steps or --epochs, not both")
    start = {"workdir": os.path.join("runs", short(experiment.name)), "data_dir": os.environ.get("JAXGEN_DATA", "")}
    named = experiment.presets.get(preset, {})
    decided = experiment.decided({**experiment.defaults, **named, **typed})
    layers = (start, experiment.defaults, named, decided, typed)
    weaker, merged = (merge(each, experiment.players) for each in (layers[:-1], layers))
    unrated = without_rate(weaker, merged, typed, experiment.players)
    merged = complete(merged, experiment.players)
    module = chosen_module(experiment, merged, typed)
    classes = [experiment.data.flags, module.Config, players_class(experiment.players)]
    flags, config, players = build(classes, merged)
    return Parsed(flags, module, config, players, unrated)


def chosen_module(experiment: Experiment, merged: Mapping[str, Any], typed: Mapping[str, Any]) -> ModuleType:
    """The technique's module. Raises Refused for an explicit flag that only other techniques of a Choice have."""
    choice = experiment.technique
    if not isinstance(choice, Choice):
        return choice
    value = merged.get(choice.flag) or next(iter(choice.modules))
    if value not in choice.modules:
        raise Refused(f"--{choice.flag} must be one of {', '.join(choice.modules)}, not {value!r}")
    takers: dict[str, list[str]] = {}
    for name, module in choice.modules.items():
        for each in knobs(module.Config):
            takers.setdefault(each.name, []).append(name)
    for flag in typed:
        if value not in takers.get(flag, [value]):
            raise Refused(f"--{flag} is for --{choice.flag}={' or '.join(takers[flag])}, not {value}")
    return choice.modules[value]


def every_knob(experiment: Experiment) -> list[Knob]:
    """All knobs that are flags of an experiment, each once, whichever technique is chosen."""
    choice, listed = experiment.technique, {}
    if isinstance(choice, Choice):
        names = tuple(choice.modules)
        listed[choice.flag] = Knob(choice.flag, str, names, names[0], choice.help, False, "technique")
    classes = [*(each.Config for each in technique_modules(experiment)), experiment.data.flags]
    for each in [*classes, players_class(experiment.players)]:
        for one in knobs(each):
            group = one.group or ("technique" if len(classes) > 2 else each.__module__.rsplit(".", 1)[-1])
            listed.setdefault(one.name, one._replace(group=group))
    return list(listed.values())


def explicit(name: str, listed: Sequence[Knob], argv: Sequence[str]) -> dict[str, Any]:
    """The flags that stand on the command line or in a --flagfile, by the names of the knobs."""
    values = absl_flags.FlagValues()
    for each in listed:
        _define(each, values)
    try:
        rest = values([name, *argv])[1:]
    except UnicodeDecodeError:
        raise Refused("the --flagfile is no text") from None
    except absl_flags.Error as error:
        raise Refused(f"{str(error).removeprefix('ERROR:: ').strip()} (--help lists the flags)") from None
    if rest:
        raise Refused(f"{rest[0]!r} is not a flag (--help lists them)")
    return {flag: values[flag].value for flag in values if values[flag].present and flag != "flagfile"}


def build(classes: Sequence[type], chosen: Mapping[str, Any]) -> list[Any]:
    """One checked instance of each class from the values chosen; the rest are the class's defaults."""
    configs: list[Any] = [built(each, chosen) for each in classes]
    for config in configs:
        check(config)
    if chosen.get("workdir") == "":
        raise Refused("--workdir must name a directory")
    return configs


def alone(name: str, config: type, argv: Sequence[str], **defaults: Any) -> tuple[Any, dict[str, Any]]:
    """The flags of a script that is no experiment, and those of them that are explicit."""
    typed = explicit(name, knobs(config), argv)
    (flags,) = build([config], {**defaults, **typed})
    return flags, typed


def _define(one: Knob, values: absl_flags.FlagValues) -> None:
    """Defines one flag; bounds are checked later, with presets and defaults."""
    if one.choices:
        absl_flags.DEFINE_enum(one.name, one.default, one.choices, one.help, flag_values=values)
        return
    kinds: dict[type, Any] = {
        bool: absl_flags.DEFINE_bool,
        int: absl_flags.DEFINE_integer,
        float: absl_flags.DEFINE_float,
        str: absl_flags.DEFINE_string,
    }
    kinds[one.kind](one.name, one.default, one.help, flag_values=values)


def usage(
    name: str, doc: str, listed: Sequence[Knob], presets: Mapping[str, Any] = {}, defaults: Mapping[str, Any] = {}
) -> str:
    """The text of --help: the first paragraph of `doc`, then the flags in groups, then the presets."""
    lines = [doc.strip().split("\n\n")[0], "", f"python -m {name} [--flag=value ...] [--flagfile=FILE]"]
    groups: dict[str, list[Knob]] = {}
    for each in listed:
        groups.setdefault(each.group or short(name), []).append(each)
    for group, members in groups.items():
        lines += ["", f"{group}:"]
        for each in members:
            value = defaults.get(each.name, each.default)
            kind = "|".join(each.choices) or each.kind.__name__
            head = f"  --{each.name}={kind}" + (f" ({value})" if value not in (None, "") else "")
            lines += textwrap.wrap(f"{head}  {each.help}", 100, subsequent_indent="      ")
    if presets:
        lines += ["", "presets:"]
    for preset, preset_flags in presets.items():
        text = " ".join(f"--{key}={value}" for key, value in preset_flags.items())
        lines += textwrap.wrap(f"  {preset}: {text}", 100, subsequent_indent="      ")
    return "\n".join(lines)
