"""The machine a process computes on: host devices, compilation cache, meshes. Called before any array is made."""

import contextlib
import hashlib
import os
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.core.types import Refused


def prepare(host_devices: int = 1, compilation_cache: str = "") -> None:
    """Splits the CPU into `host_devices` and keeps compiled programs below the `compilation_cache` directory.

    Raises Refused where the process already computes on another number of devices, or the cache cannot be written.
    """
    options: Any = jax.config  # its options are made at run time
    if max(options.jax_num_cpu_devices, 1) != host_devices:
        try:
            jax.config.update("jax_num_cpu_devices", host_devices)
        except RuntimeError:
            raise Refused(f"--host_devices={host_devices} comes too late: this process already computes") from None
    if compilation_cache:
        directory = Path(compilation_cache) / processor()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make the compilation cache {directory}: {error.strerror}") from error
        jax.config.update("jax_compilation_cache_dir", str(directory))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def processor() -> str:
    """A short name of this kind of processor: programs compiled for one may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        described = "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    except OSError:
        described = platform.processor()
    return f"{platform.machine()}-{hashlib.sha256(described.encode()).hexdigest()[:8]}"


def shardings() -> tuple[jax.sharding.NamedSharding, jax.sharding.NamedSharding] | None:
    """Where State and batches live on several devices: (on each, split along the leading axis); None on one device."""
    if jax.device_count() == 1:
        return None
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    spec = jax.sharding.PartitionSpec
    return jax.sharding.NamedSharding(mesh, spec()), jax.sharding.NamedSharding(mesh, spec("data"))


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes that this process may still take: of the device where it is an accelerator, of the machine otherwise."""
    if jax.default_backend() != "cpu":
        stats = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in stats:
            return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0)) * jax.device_count()
        return 4 * 2**30
    limits = []
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    with contextlib.suppress(OSError, ValueError):  # a container's or a batch system's limit; "max" where there is none
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=4 * 2**30)
