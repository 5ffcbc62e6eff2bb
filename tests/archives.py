"""Arrays that count as large, and archives of them."""

import numpy as np

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 4, 5), np.uint8)
COLOUR = RNG.integers(0, 256, (20, 4, 5, 3), np.uint8)
LABEL = np.arange(20) % 3
UNIT = GREY / 255
LIMIT = 100  # bytes: more are not held in memory


def saved(path, compressed=False, **arrays):
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path
