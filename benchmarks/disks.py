"""Disks that a run cannot write, and what each must leave: a function returns what did not hold."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import starts
from benchmarks.starts import Bench, Found, same_end, sentence

SPARE = 2**14  # bytes that are left on the full disk: for a row of the log, not for a checkpoint


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


def _on_small_disk(bench: Bench, name: str, option: Callable[[int], str]) -> Found:
    """A disk that gets an option, made from the bytes on it, before the run goes on."""
    with small_disk(bench.folder / name) as remount:
        workdir = bench.folder / name / "run"
        shutil.copytree(bench.half, workdir)
        remount(option(shutil.disk_usage(workdir).used))
        return _goes_on(bench, name, workdir, lambda: sentence(lambda: starts.train(workdir, bench.run)))


def full_disk(bench: Bench) -> Found:
    """A disk in memory with room for a row of the log, not for a checkpoint."""
    return _on_small_disk(bench, "full", lambda used: f"size={used + SPARE}")


def read_only(bench: Bench) -> Found:
    """A disk that is mounted read-only: permissions alone do not hold for root."""
    return _on_small_disk(bench, "fixed", lambda used: "ro")


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
