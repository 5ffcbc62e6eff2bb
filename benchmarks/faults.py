"""Faults that a run meets within one process, and what each must leave: a function returns what did not hold."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import starts
from benchmarks.disks import full_disk, quota, read_only
from benchmarks.starts import Bench, Found, same_end, sentence
from jaxgen.optim.textbook import adam
from jaxgen.run import checkpoint, manifest, record

LAST_FINITE = 6  # updates whose gradient is finite, where a technique asks its optimiser once an update


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes()) or bytearray(1)  # of an empty file a byte more
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


HARMS: dict[str, Callable[[Path], None]] = {
    "flipped": _flip,
    "truncated": lambda file: os.truncate(file, file.stat().st_size // 2),
    "removed": Path.unlink,
}


def damaged(bench: Bench) -> Found:
    """Every file of the newest checkpoint flipped, truncated and removed, each alone."""
    newest, before = checkpoint.candidates(bench.whole / "checkpoints")[:2]
    place, fell, tried = bench.folder / "damaged", list[str](), 0
    shutil.copytree(before, place / before.name)
    wanted = starts.digest(starts.restored(place, bench.run, fell.append))
    for name in starts.everything(newest):
        for how, harm in HARMS.items():
            if how == "truncated" and not (newest / name).stat().st_size:
                continue
            victim = place / newest.name
            shutil.copytree(newest, victim)
            harm(victim / name)
            warnings, tried = list[str](), tried + 1
            try:
                saved = starts.restored(place, bench.run, warnings.append)
                silent = len(warnings) != 1 or str(victim) not in warnings[0]
                if silent or saved.path.name != before.name or starts.digest(saved) != wanted:
                    fell.append(f"{name} {how}: {saved.path.name} is used, {len(warnings)} warnings")
            except Exception as error:
                fell.append(f"{name} {how}: {error!r}")
            shutil.rmtree(victim)
    again = bench.folder / "damaged_run"
    shutil.copytree(bench.whole, again)
    files = (again / "checkpoints" / newest.name).rglob("*")
    _flip(max((file for file in files if file.is_file()), key=lambda file: file.stat().st_size))
    try:
        sentence(lambda: starts.train(again, bench.run))
        fell += same_end(bench, again)
        for path in checkpoint.candidates(place):
            _flip(path / manifest.MANIFEST)
        if "is intact" not in sentence(lambda: starts.restored(place, bench.run, lambda message: None)):
            fell.append("without an intact checkpoint it does not refuse")
    except Exception as error:  # what was seen so far is told, too
        fell.append(f"a start with a damaged checkpoint: {error!r}")
    return Found(1, tried + 2, fell)


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
