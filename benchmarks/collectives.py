"""The collectives of a compiled program, read from its HLO text: kind, bytes, devices of a group, how often it is run.

Bytes are those of the whole array, which every device of a group has before or after: of an all-reduce and an
all-to-all the result, of an all-gather what is gathered, of a reduce-scatter what is summed, before it is split. What
stands in the body of a loop counts as often as the loop is run, which XLA writes beside it where it knows.

https://openxla.org/xla/operation_semantics, and `xla/hlo/ir/hlo_instruction.cc` for the text.
"""

import itertools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from jaxgen.core.types import Refused

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
OTHERS = ("collective-broadcast", "ragged-all-to-all", "send", "recv")  # no technique here compiles to one
BITS = {"pred": 8, "token": 0}  # the others have theirs in their name: f32, bf16, u8, s4, f8e4m3fn, c64
ARRAY = re.compile(r"([a-z]\w*)\[([\d,<=]*)\]")
NAME = re.compile(r"^(?:ENTRY )?%?([\w.-]+) .*\{$")
CALLED = re.compile(r"\b(?:to_apply|calls|body|condition|\w+_computation|\w+_computations)=(\{[^}]*\}|%?[\w.-]+)")
TIMES = re.compile(r'"known_trip_count":\{"n":"(\d+)"')


class Collective(NamedTuple):
    """One instruction."""

    kind: str  # one of KINDS
    size: int  # bytes of the whole array
    devices: int  # of a group
    times: int = 1  # that it is run

    def sent(self) -> float:
        """Bytes that each device sends on a ring, in all its runs.

        An all-reduce is a reduce-scatter and an all-gather, each of which passes all pieces but one on
        (Patarasuk & Yuan 2009, https://doi.org/10.1016/j.jpdc.2008.09.002).
        """
        others = (self.devices - 1) / self.devices
        passes = {"all-reduce": 2 * others, "collective-permute": 1.0}
        return passes.get(self.kind, others) * self.size * self.times


class Instruction(NamedTuple):
    """A line of a computation."""

    shape: str
    operation: str
    rest: str  # operands and attributes


def read(text: str, devices: int) -> list[Collective]:
    """Those of a program's entry and of all that it calls; `devices`: of the program.

    Raises Refused for what cannot be counted: collectives in a loop of unknown length or in a branch, unknown types,
    groups and kinds.
    """
    computations = parted(text)

    def within(name: str) -> Iterator[Collective]:
        for instruction in computations[name]:
            if found := collective(instruction, devices):
                yield found
            inner = [each for called in callees(instruction.rest) for each in within(called)]
            if not inner:
                continue
            if instruction.operation == "conditional":
                raise Refused("a collective in one branch of several cannot be counted")
            known = TIMES.search(instruction.rest)
            if instruction.operation == "while" and not known:
                raise Refused("a collective in a loop whose length XLA does not know cannot be counted")
            times = int(known[1]) if instruction.operation == "while" and known else 1
            yield from (each._replace(times=times * each.times) for each in inner)

    return list(within(""))


def parted(text: str) -> dict[str, list[Instruction]]:
    """Name of a computation -> its instructions; "" is the entry."""
    found: dict[str, list[Instruction]] = {}
    here: list[Instruction] = []
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if not line.startswith(" "):
            if name := NAME.match(line):
                here = found.setdefault("" if line.startswith("ENTRY") else name[1], [])
            continue
        _, equals, right = line.partition(" = ")
        if equals:
            shape = first_part(right, " ")
            operation, _, rest = right[len(shape) + 1 :].partition("(")
            here.append(Instruction(shape, operation, rest))
    if "" not in found:
        raise Refused("this is not the text of an HLO module: it has no ENTRY")
    return found


def callees(rest: str) -> list[str]:
    """Names of the computations that an instruction calls."""
    return [name for group in CALLED.findall(rest) for name in re.findall(r"[\w.-]+", group)]


def collective(instruction: Instruction, devices: int) -> Collective | None:
    """The instruction as one; None where it is none, or the end of one that was started before."""
    kind, start, _ = instruction.operation.partition("-start")
    if kind in OTHERS:
        raise Refused(f"{kind} is not counted here")
    if kind not in KINDS:
        return None
    shape = instruction.shape
    if start and kind != "all-reduce":  # (operands, results, ...): an all-reduce alone has its results only
        shape = parts(shape)[1]
    group = devices if kind == "collective-permute" else group_size(instruction.rest, devices)
    return Collective(kind, size(shape) * (group if kind == "reduce-scatter" else 1), group)


def size(shape: str) -> int:
    """Bytes of an array or of a tuple of arrays."""
    return sum(bits(kind) * math.prod(map(int, filter(None, axes.split(",")))) // 8 for kind, axes in arrays(shape))


def arrays(shape: str) -> list[tuple[str, str]]:
    """Type and lengths of the axes of each array, without layouts."""
    return ARRAY.findall(re.sub(r"\{[^}]*\}", "", shape))


def bits(kind: str) -> int:
    """Of one value of a type. Raises Refused for a type that has no size in its name."""
    if kind in BITS:
        return BITS[kind]
    if not (found := re.match(r"(?:bf|f|s|u|c)(\d+)", kind)):
        raise Refused(f"no size is known of {kind}")
    return int(found[1])


def group_size(rest: str, devices: int) -> int:
    """Devices of a group, in each of the ways in which XLA writes groups. Raises Refused for another one."""
    if "replica_groups={}" in rest or "replica_groups=" not in rest:
        return devices
    if found := re.search(r"replica_groups=\{\{([\d,]+)\}", rest):
        return len(found[1].split(","))
    if found := re.search(r"replica_groups=\[\d+,(\d+)\]<=", rest):
        return int(found[1])
    if found := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", rest):
        lengths = {name: int(length) for name, length in re.findall(r"('\w+')=(\d+)", found[1])}
        names = [name.strip() for name in found[2].split(",")]
        if set(names) <= set(lengths):
            return math.prod(lengths[name] for name in names)
    raise Refused(f"no size is known of the groups in: {rest[:200]}")


def parts(shape: str) -> list[str]:
    """The members of a tuple's shape."""
    inside, found = shape[1:-1], list[str]()
    while inside:
        found.append(first_part(inside, ","))
        inside = inside[len(found[-1]) + 1 :].lstrip()
    return found


def first_part(text: str, end: str) -> str:
    """The text before the first `end` that stands in no brackets."""
    depths = itertools.accumulate((char in "([{") - (char in ")]}") for char in text)
    stop = next((n for n, (char, depth) in enumerate(zip(text, depths)) if char == end and not depth), len(text))
    return text[:stop]
