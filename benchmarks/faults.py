"""Faults that a run meets within one process, and what each must leave: a function returns what did not hold."""

import contextlib
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import starts
from benchmarks.starts import Bench, Found, same_end, sentence
from jaxgen.optim.textbook import adam
from jaxgen.run import checkpoint, manifest, record

SPARE = 2**14  # bytes that are left on the full disk: for a row of the log, not for a checkpoint
LAST_FINITE = 6  # updates whose gradient is finite, where a technique asks its optimiser once an update


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes()) or bytearray(1)  # of an empty file a byte more
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


HARMS: dict[str, Callable[[Path], None]] = {"flipped": _flip, "truncated": _truncate, "removed": Path.unlink}


def damaged(bench: Bench) -> Found:
    """Every file of the newest checkpoint flipped, truncated and removed, each alone."""
    newest, before = checkpoint.candidates(bench.whole / "checkpoints")[:2]
    place, fell, tried = bench.folder / "damaged", list[str](), 0
    shutil.copytree(before, place / before.name)
    wanted = starts.digest(starts.restored(place, bench.run, fell.append))
    for name in starts.everything(newest):
        for how, harm in HARMS.items():
            if how == "truncated" and not (newest / name).stat().st_size:
                continue  # nothing can be taken from it
            victim = place / newest.name
            shutil.copytree(newest, victim)
            harm(victim / name)
            told, tried = list[str](), tried + 1
            try:
                saved = starts.restored(place, bench.run, told.append)
                silent = len(told) != 1 or str(victim) not in told[0]
                if silent or saved.path.name != before.name or starts.digest(saved) != wanted:
                    fell.append(f"{name} {how}: {saved.path.name} is used, {len(told)} warnings")
            except Exception as error:
                fell.append(f"{name} {how}: {error!r}")
            shutil.rmtree(victim)
    again = bench.folder / "damaged_run"
    shutil.copytree(bench.whole, again)
    files = (again / "checkpoints" / newest.name).rglob("*")
    _flip(max((file for file in files if file.is_file()), key=lambda file: file.stat().st_size))
    sentence(lambda: starts.train(again, bench.run))
    for path in checkpoint.candidates(place):
        _flip(path / manifest.MANIFEST)
    if "is intact" not in sentence(lambda: starts.restored(place, bench.run, lambda message: None)):
        fell.append("without an intact checkpoint it does not refuse")
    return Found(1, tried + 2, fell + same_end(bench, again))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Callable[..., None]]:
    """A disk of its own in memory; what it gives changes an option of it. Raises OSError where that is not allowed."""
    place.mkdir()

    def mount(*words):
        done = subprocess.run(["mount", *words, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"no disk can be made here: {done.stderr.strip()}")

    mount("-t", "tmpfs", "-o", "size=256m", "tmpfs")
    try:
        yield lambda option: mount("-o", f"remount,{option}")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _goes_on(bench: Bench, name: str, workdir: Path, stopped: Callable[[], str]) -> Found:
    """A run that cannot write is refused with one sentence, keeps its checkpoints, and ends alike once it can."""
    kept = starts.everything(workdir / "checkpoints")
    said, fell = stopped(), list[str]()
    if "cannot write" not in said or len(said.splitlines()) != 1:
        fell.append(f"refused with {said!r}")
    after = starts.everything(workdir / "checkpoints")
    fell += [f"{path} changed" for path in kept if after.get(path) != kept[path]]
    fell += [f"{path} is left behind" for path in after.keys() - kept.keys()]
    again = bench.folder / f"{name}_again"
    shutil.copytree(workdir, again)
    sentence(lambda: starts.train(again, bench.run))
    return Found(2, 1, fell + same_end(bench, again))


def full_disk(bench: Bench) -> Found:
    """A disk in memory with room for a row of the log, not for a checkpoint."""
    with small_disk(bench.folder / "full") as remount:
        workdir = bench.folder / "full" / "run"
        shutil.copytree(bench.half, workdir)
        remount(f"size={shutil.disk_usage(workdir).used + SPARE}")
        return _goes_on(bench, "full", workdir, lambda: sentence(lambda: starts.train(workdir, bench.run)))


def read_only(bench: Bench) -> Found:
    """A disk that is mounted read-only: permissions alone do not hold for root."""
    with small_disk(bench.folder / "fixed") as remount:
        workdir = bench.folder / "fixed" / "run"
        shutil.copytree(bench.half, workdir)
        remount("ro")
        return _goes_on(bench, "fixed", workdir, lambda: sentence(lambda: starts.train(workdir, bench.run)))


def quota(bench: Bench) -> Found:
    """A limit on the size of a file, three quarters of a checkpoint's largest, fails a write in its middle."""
    workdir = bench.folder / "quota"
    shutil.copytree(bench.half, workdir)
    most = max(map(len, starts.everything(workdir / "checkpoints").values()))

    def stopped():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most * 3 // 4, before[1]))
        try:
            return sentence(lambda: starts.train(workdir, bench.run))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return _goes_on(bench, "quota", workdir, stopped)


def poisoned(rate: float) -> optax.GradientTransformation:
    """Adam whose gradient is NaN after LAST_FINITE updates."""
    inner = adam(rate)

    def init(params):
        return inner.init(params), jnp.zeros((), jnp.int32)

    def update(gradient, state, params=None, **more):
        slots, count = state
        wrong = jnp.where(count < LAST_FINITE, 0.0, jnp.nan)
        updates, slots = inner.update(jax.tree.map(lambda g: g + wrong, gradient), slots, params, **more)
        return updates, (slots, count + 1)

    return optax.GradientTransformation(init, update)


def not_a_number(bench: Bench) -> Found:
    """NaN in every gradient from the seventh on."""
    workdir, run, fell = bench.folder / "nan", starts.made(bench.module, poisoned), list[str]()
    said = sentence(lambda: starts.train(workdir, run), FloatingPointError)
    newest = next(iter(checkpoint.candidates(workdir / "checkpoints")), None)
    if newest is None or not said.endswith(f"the last good checkpoint is {newest.absolute()}"):
        return Found(1, 1, [f"it ends with {said!r}, and the newest checkpoint is {newest}"])
    saved = starts.restored(workdir / "checkpoints", run, fell.append)
    params = [np.asarray(leaf) for leaf in jax.tree.leaves((saved.tree[0].params, saved.tree[0].opt))]
    if not all(np.isfinite(leaf).all() for leaf in params if np.issubdtype(leaf.dtype, np.floating) and leaf.ndim):
        fell.append(f"{newest.name} is not finite")
    last = record.read_rows(workdir / "metrics.jsonl")[-1]["step"]
    if last != saved.step + starts.EVERY:
        fell.append(f"{newest.name} is the last, and the last row is of update {last}")
    return Found(1, 1, fell)


CLOCKS = ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns")


def clock(bench: Bench) -> Found:
    """Every clock of Python a day back from the fourth update on."""
    workdir, before = bench.folder / "clock", {name: getattr(time, name) for name in CLOCKS}

    def set_back(stage, total, state):
        for name in CLOCKS if total == starts.EVALUATED else ():
            back = 86400 * (10**9 if name.endswith("_ns") else 1)
            setattr(time, name, lambda read=before[name], back=back: read() - back)
        return ()

    try:
        sentence(lambda: starts.train(workdir, bench.run, set_back))
    finally:
        for name, read in before.items():
            setattr(time, name, read)
    return Found(1, 1, same_end(bench, workdir))


WITHIN = {
    "damaged": damaged,
    "full disk": full_disk,
    "read-only": read_only,
    "quota": quota,
    "NaN": not_a_number,
    "clock": clock,
}
