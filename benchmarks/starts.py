"""Runs of tiny techniques that may be hurt: started in processes of their own, and what they ended with."""

import contextlib
import hashlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np

from jaxgen.core import loop
from jaxgen.core.progress import Policy
from jaxgen.core.types import Holdout, Refused, Source, Stage
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.run import checkpoint, cli, record
from jaxgen.run.flags import RunFlags
from jaxgen.run.train import train_run
from jaxgen.run.workdir import identity, open_workdir

STEPS, HALF, EVERY, EVALUATED = 16, 12, 2, 4  # HALF: of a run that is to go on; a multiple of both others
# Programs this small are compiled longer than they run. All starts have these flags, or bytes would differ.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if jaxlib.__version__.startswith("0.10."):  # a later one has no such flag, and ends the process that gives it
    QUICK += " --xla_cpu_use_fusion_emitters=false"


class Run(NamedTuple):
    """A case that can be trained."""

    stage: Stage
    batch_size: int
    shapes: Any  # of its checkpoints

    def long(self, steps: int) -> "Run":
        """The same with so many updates."""
        return self._replace(stage=self.stage._replace(steps=steps))


def quickly(programs: Path) -> None:
    """Makes this process and its children compile shortly and keep what they compiled; touches no device."""
    os.environ["XLA_FLAGS"] = QUICK
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def made(module: ModuleType, optimizer: Factory = adam) -> Run:
    """The first tiny case of a technique's module; batch n is its example of (key, n)."""
    technique = next(iter(module.tiny(optimizer).values()))
    batch = jax.jit(technique.example)(jax.random.key(1))
    shared = {name: batch[name] for name in technique.shared}

    def parted(batch):
        return {name: leaf for name, leaf in batch.items() if name not in shared} if shared else batch

    size = len(jax.tree.leaves(parted(batch))[0])
    take = lambda arrays, key, n: parted(technique.example(jax.random.fold_in(key, n)))
    valid = Holdout(parted(batch), lambda arrays, n: (arrays, jnp.ones(size, bool)), 1, shared=shared)
    source = Source((), take, shared=shared)
    stage = Stage(technique, source, STEPS, valid, module=module.__name__, config=module.Config())
    return Run(stage, size, loop.shapes([stage], 0, Policy()))


def train(workdir: Path, run: Run, watch: Callable[..., Iterable[Any]] = lambda stage, total, state: ()) -> None:
    """Trains, or goes on, as a script does it."""
    each: dict[str, Any] = {"log_every": EVERY, "eval_every": EVALUATED, "checkpoint_every": EVERY}
    flags = RunFlags(**each, steps=run.stage.steps, batch_size=run.batch_size)
    with open_workdir(workdir, identity(flags, [run.stage])) as path:
        train_run(path, flags, [run.stage], watch)


def restored(directory: Path, run: Run, warn: Callable[[str], None]) -> checkpoint.Saved:
    """The newest checkpoint in a directory that has one."""
    saved = checkpoint.restore(directory, lambda n: run.shapes, warn)
    assert saved is not None
    return saved


def plain(saved: checkpoint.Saved) -> list[np.ndarray]:
    """All leaves of State and Progress, the key as its data."""
    state, progress = saved.tree
    return [
        np.asarray(leaf) for leaf in jax.tree.leaves((state._replace(key=jax.random.key_data(state.key)), progress))
    ]


def digest(saved: checkpoint.Saved) -> str:
    """Of every byte of every leaf, and of the update."""
    whole = hashlib.sha256(str((saved.stage, saved.step)).encode())
    for leaf in plain(saved):
        whole.update(f"{leaf.dtype}{leaf.shape}".encode() + leaf.tobytes())
    return whole.hexdigest()


def end(workdir: Path, run: Run) -> dict[str, Any]:
    """What a finished run left: the digest of its last checkpoint, and its rows without times."""
    warnings = list[str]()
    saved = restored(workdir / "checkpoints", run, warnings.append)
    rows = record.read_rows(workdir / "metrics.jsonl")
    said = [json.dumps({name: row[name] for name in row if name != "timing"}) for row in rows]
    return {"step": saved.step, "arrays": digest(saved), "rows": said, "warnings": warnings}


def rows_of(workdir: Path) -> int:
    """Rows that a run has logged so far."""
    log = workdir / "metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def everything(folder: Path) -> dict[str, bytes]:
    """Path -> bytes of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def forked(work: Callable[[], Any], said: Path) -> int:
    """The id of a process that does the work as a script: with its exit codes, and what it prints in `said`.

    Forked, so that nothing is imported again. This process must not have touched a device: its threads stay behind.
    """
    sys.stdout.flush()
    if process := os.fork():
        return process
    code = 70
    try:
        output = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = cli.guarded("reliability", work)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> int:
    """Waits for a process; its exit code, -n where signal n ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def finish(module: ModuleType, workdir: Path) -> None:
    """Trains to the end and writes what it ended with beside the run."""
    run = made(module)
    train(workdir, run)
    workdir.with_suffix(".json").write_text(json.dumps(end(workdir, run)))


class Bench(NamedTuple):
    """What the faults of one technique share."""

    module: ModuleType
    run: Run
    folder: Path  # for the faults' own folders
    whole: Path  # a run that was left alone
    half: Path  # one that ended early, to go on
    end: dict[str, Any]  # of the whole run


class Found(NamedTuple):
    """What came of a fault."""

    starts: int  # of training
    tried: int  # times that the fault was made
    fell: list[str]  # what did not hold, in sentences


def sentence(work: Callable[[], Any], kind: type[Exception] = Refused) -> str:
    """What the work is refused with, "" where it is not. What it tells beside that is dropped."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            work()
        except kind as error:
            return str(error)
    return ""


def same_end(bench: Bench, workdir: Path) -> list[str]:
    """What differs at the end of a run from the one that was left alone."""
    other = end(workdir, bench.run)
    return [f"{name} of the end differ" for name in bench.end if other[name] != bench.end[name]]
