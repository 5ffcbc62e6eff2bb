"""What a run loses to faults, of every technique: a table, and a JSON file with each result.

python -m benchmarks.reliability                 all faults over the first tiny case of every technique; needs root
python -m benchmarks.reliability --only=vae,gan  techniques with these file names
python -m benchmarks.reliability --out=FILE      where the numbers go (runs/reliability.json)
Ends with exit code 1 where something did not hold.
"""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import orbax.checkpoint  # noqa: F401  # before processes are forked, each of which would import it

from benchmarks import faults, starts
from benchmarks.starts import Bench, Found
from jaxgen import techniques
from jaxgen.core.config import knob
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import checkpoint, cli, manifest
from jaxgen.run.parsing import alone
from jaxgen.run.provenance import environment

KILLED, STOPPED, SECOND = "kill -9", "SIGTERM", "second process"
DONE = {
    KILLED: "SIGKILL at two random moments of a run, which is then started again",
    STOPPED: "SIGTERM in the middle of a run, which is then started again",
    "damaged": "every file of the newest checkpoint flipped in one bit, truncated, removed, one at a time; then all",
    "full disk": "a tmpfs with 16 KiB left",
    "read-only": "a tmpfs remounted read-only",
    "quota": "in its place a limit on the size of files, RLIMIT_FSIZE, below a checkpoint's largest",
    SECOND: "the same command again, in the directory of a run that trains",
    "NaN": "every gradient NaN from the seventh on",
    "clock": "all clocks of Python a day back in the middle of a run",
}
HOLDS = {
    KILLED: "same bytes and rows at the end",
    STOPPED: "exit code 143, an intact checkpoint of the last update, same bytes and rows at the end",
    "damaged": "one warning, the checkpoint before it is used, same bytes and rows at the end; refused without any",
    "full disk": "one sentence, older checkpoints as they were; with room again the same bytes and rows at the end",
    "read-only": "likewise",
    "quota": "likewise",
    SECOND: "the second one refused in one sentence, no file of the first one touched",
    "NaN": "FloatingPointError names the newest checkpoint, which is intact, finite and the last before the NaN",
    "clock": "same bytes and rows at the end",
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The script's own flags."""

    only: str = knob("", "file names of techniques, between commas; all where empty")
    out: str = knob("runs/reliability.json", "the file for the numbers")


@contextlib.contextmanager
def started(module: ModuleType, workdir: Path, rows: int) -> Iterator[int]:
    """The id of a process that trains in `workdir` and has logged so many rows, or has ended."""
    process = starts.forked(lambda: starts.finish(module, workdir), workdir.with_suffix(".said"))
    deadline = time.monotonic() + 300
    while starts.rows_of(workdir) < rows and time.monotonic() < deadline:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.002)
    yield process


def against(workdir: Path, end: Mapping[str, Any], code: int) -> list[str]:
    """What differs at the end of a run, whose last process ended with `code`, from the one that was left alone."""
    if code:
        return [f"it ended with {code}: {workdir.with_suffix('.said').read_text()[-500:]}"]
    other = json.loads(workdir.with_suffix(".json").read_text())
    return [f"{name} of the end differ" for name in end if other[name] != end[name]]


def killed(module: ModuleType, workdir: Path, end: Mapping[str, Any], chance: random.Random) -> Found:
    """SIGKILL at two moments: in the first updates, and then further on."""
    hit = 0
    for _ in range(2):
        rows = min(starts.rows_of(workdir) + chance.randint(0, 1), 4) + 1
        with started(module, workdir, rows) as process:
            time.sleep(chance.uniform(0, 0.15))
            os.kill(process, signal.SIGKILL)
            hit += starts.ended(process) == -signal.SIGKILL
    with started(module, workdir, 1000) as process:
        return Found(3, hit, against(workdir, end, starts.ended(process)))


def stopped(module: ModuleType, workdir: Path, end: Mapping[str, Any]) -> dict[str, Found]:
    """A second process beside a run that is held for as long; then SIGTERM to the first."""
    fell, beside, said = list[str](), list[str](), workdir.with_name("second.said")
    with started(module, workdir, 2) as process:
        os.kill(process, signal.SIGSTOP)
        os.waitpid(process, os.WUNTRACED)
        before = starts.everything(workdir)
        code = starts.ended(starts.forked(lambda: starts.finish(module, workdir), said))
        told = said.read_text()
        if code != 2 or len(told.splitlines()) != 1 or "another process is training in" not in told:
            beside.append(f"the second one ended with {code} and said {told[-500:]!r}")
        if starts.everything(workdir) != before:
            beside.append("the second one changed files")
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGCONT)
        code = starts.ended(process)
    newest = next(iter(checkpoint.candidates(workdir / "checkpoints")), None)
    if code != 128 + signal.SIGTERM:
        fell.append(f"it ended with {code}")
    if newest is None or manifest.damage(newest):
        fell.append("it left no intact checkpoint")
    elif int(newest.name.split("-")[1]) != starts.EVERY * starts.rows_of(workdir):
        fell.append(f"it left {newest.name} after {starts.rows_of(workdir)} rows")
    with started(module, workdir, 1000) as process:
        fell += against(workdir, end, starts.ended(process))
    return {STOPPED: Found(2, 1, fell), SECOND: Found(2, 1, beside)}


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
        return {name: Found(0, 0, fell) for name in DONE}
    written = json.loads((folder / "within.json").read_text())
    found = {name: Found(*each) for name, each in written["found"].items()}
    found[KILLED] = killed(module, folder / "killed", written["end"], random.Random(module.__name__))
    return found | stopped(module, folder / "stopped", written["end"])


def table(found: Mapping[str, Mapping[str, Found]]) -> str:
    """A row a fault; `found`: technique -> fault -> what came of it."""
    lines = ["| fault | what was done | what must hold | techniques | times | starts | held in | fell |"]
    lines.append("| --- " * 8 + "|")
    for name in DONE:
        each = {technique: of[name] for technique, of in found.items()}
        fell = [f"{technique}: {'; '.join(one.fell)[:200]}" for technique, one in each.items() if one.fell]
        sums = [sum(one.tried for one in each.values()), sum(one.starts for one in each.values())]
        counts = [len(each), *sums, len(each) - len(fell)]
        cells = [
            name,
            DONE[name],
            HOLDS[name],
            *(f"{n:,}" for n in counts),
            "; ".join(fell).replace("\n", " ") or "none",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the faults, prints the table, writes the numbers. Raises Refused for names that no technique has."""
    flags, _ = alone("benchmarks.reliability", Flags, argv)
    modules = {module.__name__.rpartition(".")[2]: module for module in techniques.modules()}
    names = flags.only.split(",") if flags.only else list(modules)
    if unknown := [name for name in names if name not in modules]:
        raise Refused(f"--only={flags.only}: no technique is {unknown[0]!r}; known: {', '.join(modules)}")
    began, found = time.monotonic(), dict[str, dict[str, Found]]()
    with tempfile.TemporaryDirectory() as folder:
        starts.quickly(Path(folder) / "programs")
        for name in names:
            before = time.monotonic()
            found[name] = hurt(modules[name], Path(folder) / name)
            fell = [f"{fault}: {'; '.join(one.fell)}" for fault, one in found[name].items() if one.fell]
            print(f"{name}, {time.monotonic() - before:.0f} s: {'; '.join(fell) or 'all held'}", flush=True)
            shutil.rmtree(Path(folder) / name)
    results = {name: {fault: one._asdict() for fault, one in each.items()} for name, each in found.items()}
    seconds, date = round(time.monotonic() - began), f"{datetime.now(UTC):%Y-%m-%d}"
    about = {"versions": environment()["versions"], "date": date, "seconds": seconds, "found": results}
    write_whole(Path(flags.out), json.dumps(about, indent=1).encode() + b"\n")
    print(f"\n{table(found)}\n\n{seconds} s; numbers: {flags.out}")
    if any(one.fell for each in found.values() for one in each.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(cli.script("benchmarks.reliability", __doc__ or "", Flags, main))
