"""What a run loses to faults, of every technique: a table, and a JSON file with each result.

python -m benchmarks.reliability                 all faults over the first tiny case of every technique; needs root
python -m benchmarks.reliability --only=vae,gan  techniques with these file names
python -m benchmarks.reliability --out=FILE      numbers (runs/reliability.json); what is in it is not run again
Ends with exit code 1 where something did not hold.
"""

import dataclasses
import functools
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import orbax.checkpoint  # noqa: F401  # before processes are forked, each of which would import it

from benchmarks import faults, starts
from benchmarks.signals import KILLED, SECOND, STOPPED, signalled
from benchmarks.starts import Bench, Found
from jaxgen import techniques
from jaxgen.core.config import knob
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import cli
from jaxgen.run.parsing import alone

ALIKE = "same bytes and rows at the end"
FAULTS = {  # name -> what is done, what must hold
    KILLED: ("SIGKILL at two random moments of a run, then started again", ALIKE),
    STOPPED: ("SIGTERM to a run", f"exit code 143, an intact checkpoint of the last update; {ALIKE}"),
    "damaged": (
        "each file of the newest checkpoint flipped in a bit, truncated, removed",
        f"one warning, the one before is used; {ALIKE}",
    ),
    "full disk": ("a tmpfs with 16 KiB left", f"one sentence, checkpoints as they were; with room again {ALIKE}"),
    "read-only": ("a tmpfs remounted read-only", "likewise"),
    "quota": ("stood in for by RLIMIT_FSIZE below a checkpoint's largest file", "likewise"),
    SECOND: ("the same command in the directory of a run that trains", "refused in a sentence, no file touched"),
    "NaN": (
        "each gradient NaN from the seventh on",
        "FloatingPointError names the newest checkpoint, intact and finite",
    ),
    "clock": ("all clocks of Python a day back from the fourth update on", ALIKE),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The script's own flags."""

    only: str = knob("", "file names of techniques, between commas; all where empty")
    out: str = knob("runs/reliability.json", "the file for the numbers")
    folder: str = knob("", "where the runs are made; /dev/shm does not wait for a disk")
    at_once: int = knob(1, "techniques at a time", lower=1)


def within(module: ModuleType, folder: Path) -> None:
    """The run that is left alone, and the faults that need no process of their own; writes what came of them."""
    run, whole, half = starts.made(module), folder / "whole", folder / "half"
    starts.train(whole, run)
    starts.train(half, run.long(starts.HALF))
    bench = Bench(module, run, folder, whole, half, starts.end(whole, run))
    assert bench.end["step"] == starts.STEPS
    assert not bench.end["warnings"]
    found = dict[str, Found]()
    for name, fault in faults.WITHIN.items():
        try:
            found[name] = fault(bench)
        except Exception as error:
            traceback.print_exc()
            found[name] = Found(1, 1, [repr(error)])
    (folder / "within.json").write_text(json.dumps({"end": bench.end, "found": found}))


def hurt(module: ModuleType, folder: Path) -> dict[str, Found]:
    """What came of every fault for one technique."""
    folder.mkdir()
    code = starts.ended(starts.forked(lambda: within(module, folder), folder / "within.said"))
    if code:
        fell = [f"a run that is left alone ended with {code}: {(folder / 'within.said').read_text()[-500:]}"]
        return {name: Found(0, 0, fell) for name in FAULTS}
    written = json.loads((folder / "within.json").read_text())
    found = {name: Found(*each) for name, each in written["found"].items()}
    return found | signalled(module, folder / "signalled", written["end"], random.Random(module.__name__))


def all_of(
    modules: Sequence[ModuleType], folder: Path, at_once: int, keep: Callable[[str, dict[str, Found]], None]
) -> None:
    """Calls `keep` with each technique's name and what came of every fault; so many at a time, in own processes."""
    running = dict[int, str]()

    def hurt_one(module, result):
        came = hurt(module, result.with_suffix(""))
        result.write_text(json.dumps(came))

    def collect():
        process, status = os.wait()
        name = running.pop(process)
        said, result = folder / f"{name}.said", folder / f"{name}.json"
        if status:
            raise RuntimeError(f"{name}: {said.read_text()}")
        found = {fault: Found(*each) for fault, each in json.loads(result.read_text()).items()}
        keep(name, found)
        fell = [f"{fault}: {'; '.join(one.fell)[:300]}" for fault, one in found.items() if one.fell]
        print(f"{name}: {'; '.join(fell) or 'all held'}", flush=True)
        shutil.rmtree(folder / name)

    for module in modules:
        if len(running) == at_once:
            collect()
        name = short(module)
        work = functools.partial(hurt_one, module, folder / f"{name}.json")
        running[starts.forked(work, folder / f"{name}.said")] = name
    while running:
        collect()


def short(module: ModuleType) -> str:
    """The name of its file."""
    return module.__name__.rpartition(".")[2]


def table(found: Mapping[str, Mapping[str, Found]]) -> str:
    """A row a fault; `found`: technique -> fault -> what came of it."""
    lines = ["| fault | what was done | what must hold | techniques | times | starts | held in | fell |"]
    lines.append("| --- " * 8 + "|")
    for name in FAULTS:
        each = {technique: of[name] for technique, of in found.items() if name in of}
        fell = [f"{technique}: {'; '.join(one.fell)[:200]}" for technique, one in each.items() if one.fell]
        sums = [sum(one.tried for one in each.values()), sum(one.starts for one in each.values())]
        counts = [len(each), *sums, len(each) - len(fell)]
        numbers = [f"{n:,}" for n in counts]
        cells = [name, *FAULTS[name], *numbers, "; ".join(fell).replace("\n", " ") or "none"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the faults, prints the table, writes the numbers. Raises Refused for names that no technique has."""
    flags, _ = alone("benchmarks.reliability", Flags, argv)
    modules = {short(module): module for module in techniques.modules()}
    names = flags.only.split(",") if flags.only else list(modules)
    if unknown := [name for name in names if name not in modules]:
        raise Refused(f"--only={flags.only}: no technique is {unknown[0]!r}; known: {', '.join(modules)}")
    began, found, out = time.monotonic(), dict[str, dict[str, Found]](), Path(flags.out)
    about: dict[str, Any] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "seconds": 0.0}
    if out.exists():  # of a run that was stopped
        about = json.loads(out.read_text())
        there = about["found"].items()
        found |= {name: {fault: Found(**one) for fault, one in each.items()} for name, each in there}
    earlier = about["seconds"]

    def keep(name, came):
        found[name] = came
        about["seconds"] = round(earlier + time.monotonic() - began)
        about["found"] = {name: {fault: one._asdict() for fault, one in each.items()} for name, each in found.items()}
        write_whole(out, json.dumps(about, indent=1).encode() + b"\n")

    with tempfile.TemporaryDirectory(dir=flags.folder or None) as folder:
        starts.quickly(Path(folder) / "programs")
        all_of([modules[name] for name in names if name not in found], Path(folder), flags.at_once, keep)
    print(f"\n{table(found)}\n\n{about['seconds']} s; numbers: {flags.out}")
    if any(one.fell for each in found.values() for one in each.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(cli.script("benchmarks.reliability", __doc__ or "", Flags, main))
