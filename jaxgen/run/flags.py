"""Between knobs and the command line: parsing by absl, checked instances, the text of --help."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags as absl_flags

from jaxgen.core.config import Knob, built, check, knobs
from jaxgen.core.types import Refused


def explicit(name: str, classes: Sequence[type], argv: Sequence[str]) -> dict[str, Any]:
    """The flags that stand on the command line or in a --flagfile, by the names of the classes' knobs."""
    values = absl_flags.FlagValues()
    for found in [found for each in classes for found in knobs(each)]:
        _define(found, values)
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
    made: list[Any] = [built(each, chosen) for each in classes]
    for config in made:
        check(config)
        if getattr(config, "workdir", "-") == "":
            raise Refused("--workdir must name a directory")
    return made


def _define(found: Knob, values: absl_flags.FlagValues) -> None:
    """Defines one flag; bounds are checked later, with presets and defaults."""
    if found.choices:
        absl_flags.DEFINE_enum(found.name, found.default, found.choices, found.help, flag_values=values)
        return
    kinds: dict[type, Any] = {
        bool: absl_flags.DEFINE_bool,
        int: absl_flags.DEFINE_integer,
        float: absl_flags.DEFINE_float,
        str: absl_flags.DEFINE_string,
    }
    kinds[found.kind](found.name, found.default, found.help, flag_values=values)


def usage(name: str, doc: str, classes: Sequence[type], presets: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The text of --help: what the script is, then its flags in groups."""
    lines = [
        doc.strip().split("\n\n")[0],
        "",
        f"python -m experiments.{name} [--flag=value ...] [--flagfile=FILE]",
    ]
    groups: dict[str, list[Knob]] = {}
    for each in classes:
        for found in knobs(each):
            groups.setdefault(found.group or each.__module__.rsplit(".", 1)[-1], []).append(found)
    for group, members in groups.items():
        lines += ["", f"{group}:"]
        for found in members:
            value = defaults.get(found.name, found.default)
            kind = "|".join(found.choices) or found.kind.__name__
            head = f"  --{found.name}={kind}" + (f" ({value})" if value not in (None, "") else "")
            lines += textwrap.wrap(f"{head}  {found.help}", 100, subsequent_indent="      ")
    if presets:
        lines += ["", "presets:"]
    for preset, values in presets.items():
        text = " ".join(f"--{key}={value}" for key, value in values.items())
        lines += textwrap.wrap(f"  {preset}: {text}", 100, subsequent_indent="      ")
    return "\n".join(lines)
