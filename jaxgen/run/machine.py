"""The machine a process computes on: host devices, compilation cache, meshes. Called before any array is made."""

import contextlib
import gc
import hashlib
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.core.sharding import Layout
from jaxgen.core.types import Refused
from jaxgen.data.places import cache_folder

options: Any = jax.config  # whose options are made at run time
PRECISIONS = {  # JAX's names; what stands in the environment holds where a run asks for nothing else
    "default": options.jax_default_matmul_precision,
    "float32": "float32",
    "tf32": "tensorfloat32",
    "bf16": "bfloat16",
}
AUTO = "auto"  # --compilation_cache of experiments whose programs take long to compile
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def prepare(
    host_devices: int = 1, compilation_cache: str = "", matmul_precision: str = "default", deterministic: bool = False
) -> None:
    """Makes a process ready to compute.

    Args:
        host_devices: what the CPU is split into.
        compilation_cache: the directory below which compiled programs are kept; "": nowhere; AUTO: where JAX keeps
            them already, or in the cache folder if it can be written.
        matmul_precision: one of PRECISIONS.
        deterministic: whether operations of a GPU must add in a fixed order.

    Raises Refused where the process already computes, on another number of devices or not deterministically, and where
    the cache cannot be written.
    """
    if max(options.jax_num_cpu_devices, 1) != host_devices:
        _before_computing("jax_num_cpu_devices", host_devices, f"--host_devices={host_devices}")
    if deterministic and DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
        devices = options.jax_num_cpu_devices
        for value in (max(devices, 1) + 1, devices):  # what JAX refuses once it has read its flags
            _before_computing("jax_num_cpu_devices", value, "--deterministic")
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    jax.config.update("jax_default_matmul_precision", PRECISIONS[matmul_precision])
    if compilation_cache == AUTO:
        if not options.jax_compilation_cache_dir:
            with contextlib.suppress(Refused):
                _keep_programs(cache_folder() / "programs")
    elif compilation_cache:
        _keep_programs(Path(compilation_cache))


def _keep_programs(folder: Path) -> None:
    """Turns JAX's compilation cache on. Raises Refused where the folder cannot be made."""
    directory = folder / processor()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cannot make the compilation cache {directory}: {error.strerror}") from error
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _before_computing(option: str, value: Any, flag: str) -> None:
    """Sets an option of JAX. Raises Refused, naming the flag, where this process already computes."""
    try:
        jax.config.update(option, value)
    except RuntimeError:
        raise Refused(f"{flag} comes too late: this process already computes") from None


def forget_programs() -> None:
    """Drops compiled programs and what they were traced from, about 25 MiB a run: for a process that makes many runs.

    A run's functions are its own, so that no later run in the same process would find its programs again.
    """
    jax.clear_caches()
    gc.collect()


def processor() -> str:
    """A short name of this kind of processor: programs compiled for one may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        described = "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    except OSError:
        described = platform.processor()
    return f"{platform.machine()}-{hashlib.sha256(described.encode()).hexdigest()[:8]}"


def sharing(batch_size: int = 0, limit: int = 0, processes: int = 0) -> int:
    """How many devices share a batch: as many, up to `limit` (0: all there are), as divide it (0: any).

    Of each of the `processes` equally many: 1 where this one computes without the others, 0: all there are. Raises
    Refused where a batch cannot be divided among them.
    """
    processes = processes or jax.process_count()
    there = processes * jax.local_device_count()
    allowed = range(processes, min(there, limit or there) + 1, processes)
    if not (dividing := [count for count in allowed if batch_size % count == 0]):
        named = f"--batch_size={batch_size}" if batch_size % processes else f"--devices={limit}"
        raise Refused(f"{named} cannot be divided among {processes} processes")
    return max(dividing)


def layout(batch_size: int = 0, limit: int = 0, apart: bool = False, processes: int = 0) -> Layout | None:
    """How several devices are used, or None where there is one.

    Args:
        batch_size: see `sharing`.
        limit: likewise.
        apart: see `Layout`.
        processes: see `sharing`.
    """
    count = sharing(batch_size, limit, processes)
    if count == 1:
        return None
    numbers = [jax.process_index()] if processes == 1 else range(jax.process_count())
    devices = [device for n in numbers for device in jax.local_devices(process_index=n)[: count // len(numbers)]]
    mesh = jax.sharding.Mesh(np.array(devices), ("data",))
    spec = jax.sharding.PartitionSpec
    whole, batches = (jax.sharding.NamedSharding(mesh, each) for each in (spec(), spec("data")))
    return Layout(whole, batches, apart)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> dict[str, Any]:
    """{"peak_bytes", "of"}: the most that a device has held at once, or this process where devices do not tell."""
    held = [(device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()]
    if known := [int(each) for each in held if each is not None]:
        return {"peak_bytes": max(known), "of": "device"}
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in KiB, on macOS in bytes
    return {"peak_bytes": resident * (1 if sys.platform == "darwin" else 1024), "of": "process"}


def memory() -> int:
    """Bytes that this process may still take: of the device where it is an accelerator, of the machine otherwise."""
    if jax.default_backend() != "cpu":
        stats = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in stats:
            return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0)) * jax.local_device_count()
        return 4 * 2**30
    limits = []
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # a container's or a batch system's limit; "max" where there is none
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=4 * 2**30)
