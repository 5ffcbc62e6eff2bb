"""Where numbers come from: versions, device, and a hash of the parameters."""

import contextlib
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


def cpu_name() -> str:
    """The processor's own name where the system has it: "cpu" tells nothing about a speed."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "cpu"


def environment() -> dict:
    """What the numbers depend on: `versions`, name -> text, `device` with platform, kind and count, and `arithmetic`.

    The last has the precision of products of float32, as JAX names it, and whether XLA was told to be deterministic.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    device = jax.devices()[0]
    kind = cpu_name() if device.platform == "cpu" else device.device_kind
    described = {"platform": device.platform, "kind": kind, "count": jax.device_count()}
    options: Any = jax.config
    precision = options.jax_default_matmul_precision or "default"
    exact = "--xla_gpu_deterministic_ops=true" in os.environ.get("XLA_FLAGS", "")
    return {
        "versions": versions,
        "device": described,
        "arithmetic": {"matmul_precision": precision, "deterministic": exact},
    }


def fingerprint(params) -> str:
    """sha256 (hex) of a pytree: each leaf's path, dtype, shape and bytes, in the tree's order."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        dtype = str(getattr(leaf, "dtype", ""))  # a typed key's data would hide which generator it is for
        if hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        digest.update(repr((jax.tree_util.keystr(path), dtype or str(array.dtype), array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
