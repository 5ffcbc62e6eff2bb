"""Mixtures of Gaussians in the plane, on which it can be seen which modes a generator covers."""

import hashlib
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.ops.modes import grid_centres, ring_centres

COUNTS = {"train": 50_000, "valid": 2_000, "test": 10_000}
MIXTURES = {"ring": (ring_centres, 0.02), "grid": (grid_centres, 0.05)}  # centres [M, 2], sigma


class Points(NamedTuple):
    """A mixture of equal Gaussians, and points that were drawn from it."""

    name: str
    centres: np.ndarray  # [M, 2] float64
    sigma: float  # of each Gaussian, in each dimension
    splits: dict[str, dict[str, np.ndarray]]  # train, valid, test -> point [N, 2] float32, label [N] int32
    sha256: str


def load(name: str) -> Points:
    """A mixture by name, the same points every time. Raises Refused for an unknown one."""
    if name not in MIXTURES:
        raise Refused(f"unknown mixture {name!r}; known: {', '.join(MIXTURES)}")
    make, sigma = MIXTURES[name]
    centres, random, splits = make(), np.random.Generator(np.random.PCG64(0)), {}
    digest = hashlib.sha256(name.encode())
    for split, count in COUNTS.items():
        label = random.integers(0, len(centres), count, dtype=np.int32)
        point = (centres[label] + sigma * random.standard_normal((count, 2))).astype(np.float32)
        splits[split] = {"point": point, "label": label}
        digest.update(point.tobytes())
    return Points(name, centres, sigma, splits, digest.hexdigest())
