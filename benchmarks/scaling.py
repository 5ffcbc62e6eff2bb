"""Weak scaling by simulation: what an update moves between devices against what it computes, on 8, 64 and 512 devices.

Measured: one update is compiled for that many devices of the CPU, from shapes alone, as a run with --shard=data and
--shard=params has it (`benchmarks/partitioned.py`), and its collectives are read from the compiled program
(`benchmarks/collectives.py`). Nothing is executed. Counted: operations of its products (`benchmarks/operations.py`).
Calculated: the bytes that a device sends on a ring, and what they take at the speeds that --link and --rate state.

python -m benchmarks.scaling                             the tables of benchmarks/scaling.md
python -m benchmarks.scaling --only=vae --devices=8
"""

import dataclasses
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import jax

from benchmarks import collectives
from benchmarks.partitioned import NETWORKS, Compiled, counted, measured
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.run import cli, machine
from jaxgen.run.parsing import alone

SHARDS = ("data", "params")  # --shard of a run
MOST = 1024  # devices; an all-to-all has an operand for each


@dataclasses.dataclass(frozen=True)
class Flags:
    """The script's own flags."""

    only: str = knob("", "networks wanted, between commas: vae, lstm, gpt2; all where empty")
    devices: str = knob("8,64,512", "numbers of devices, between commas, each at least 2")
    link: float = knob(25.0, "GB/s that a device sends to the next one, an assumption: 200 Gbit/s", above=0.0)
    rate: float = knob(100.0, "TFLOP/s that a device computes products at, an assumption", above=0.0)


class Cost(NamedTuple):
    """What an update takes at stated speeds, where nothing is sent while something is computed."""

    computing: float  # seconds
    sending: float

    @property
    def efficiency(self) -> float:
        """Of the speed of as many devices that need not send anything."""
        return self.computing / (self.computing + self.sending)


def cost(sent: float, done: int, flags: Flags) -> Cost:
    """Of an update in which a device sends that many bytes and does that many operations, at the flags' speeds."""
    return Cost(done / (1e12 * flags.rate), sent / (1e9 * flags.link))


def of_program(each: Compiled, parameters: int) -> list[str]:
    """A row of what was measured; `beyond`: bytes of all-reduces that are not those of float32 parameters."""
    cells = []
    for kind in collectives.KINDS:
        times = each.times(kind)
        cells.append(f"{times}: {1e-6 * each.total(kind):,.3f}" if times else "0")
    beyond = each.total("all-reduce") - 4 * parameters
    named = [each.network, each.shard, f"{each.devices}", *cells, f"{beyond:,}"]
    return [*named, f"{1e-6 * each.temporary:,.0f}", f"{each.seconds:.1f}"]


def of_cost(each: Compiled, done: int, flags: Flags) -> list[str]:
    """A row of what was calculated; the last is the link at which efficiency would be 0.9."""
    sent = sum(found.sent() for found in each.found)
    takes = cost(sent, done, flags)
    numbers = [1e-6 * sent, done / sent, 1e3 * takes.computing, 1e3 * takes.sending]
    shares = [significant(share) for share in (1 - takes.efficiency, takes.efficiency)]
    link = 1e-9 * sent / (takes.computing * (1 / 0.9 - 1))
    return [each.network, each.shard, f"{each.devices}", *map(significant, numbers), *shares, significant(link)]


def significant(value: float) -> str:
    """The number with three significant digits, a large one in full."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def markdown(head: str, rows: Sequence[Sequence[str]]) -> str:
    """A table with these columns, between commas."""
    names = head.split(", ")
    return "\n".join(f"| {' | '.join(line)} |" for line in (names, ["---"] * len(names), *rows))


def main(argv: Sequence[str]) -> None:
    """Compiles and prints the tables. Raises Refused for networks and numbers of devices that cannot be."""
    flags, _ = alone("benchmarks.scaling", Flags, argv)
    names = flags.only.split(",") if flags.only else list(NETWORKS)
    if unknown := [name for name in names if name not in NETWORKS]:
        raise Refused(f"--only={flags.only}: no network is {unknown[0]!r}; known: {', '.join(NETWORKS)}")
    counts = flags.devices.split(",")
    if not all(count.isdecimal() and 2 <= int(count) <= MOST for count in counts):
        raise Refused(f"--devices={flags.devices} must be whole numbers from 2 to {MOST}, between commas")
    numbers = [int(count) for count in counts]
    jax.config.update("jax_platforms", "cpu")  # of whose devices there can be any number
    machine.prepare(max(numbers))
    print(f"jax {jax.__version__}, {max(numbers)} devices of the CPU, {datetime.now(UTC):%Y-%m-%d}", flush=True)
    done = {name: counted(NETWORKS[name]) for name in names}
    head = "network, what an example is, a device's batch, parameters, operations of its update"
    sizes = [(name, NETWORKS[name].about, f"{NETWORKS[name].batch}", *(f"{n:,}" for n in done[name])) for name in names]
    print(f"\nCounted\n\n{markdown(head, sizes)}", flush=True)
    every = [measured(name, shard, count) for name in names for shard in SHARDS for count in numbers]
    head = f"network, --shard, devices, {', '.join(collectives.KINDS)}, beyond, temporary MB, seconds"
    print(f"\nMeasured, number: MB\n\n{markdown(head, [of_program(each, done[each.network][0]) for each in every])}")
    head = "network, --shard, devices, MB sent, operations per byte, computing ms, sending ms, share of sending"
    rows = [of_cost(each, done[each.network][1], flags) for each in every]
    print(f"\nCalculated, {flags.link:g} GB/s and {flags.rate:g} TFLOP/s\n")
    print(markdown(f"{head}, efficiency, GB/s for 0.9", rows))


if __name__ == "__main__":
    sys.exit(cli.script("benchmarks.scaling", __doc__ or "", Flags, main))
