"""Stacked digits: three digits of MNIST as the channels of one image, 1,000 modes for a generator to cover.

Metz et al. 2017, "Unrolled generative adversarial networks", https://arxiv.org/abs/1611.02163, section 3.3.
"""

import numpy as np

from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset
from jaxgen.data.images import originals

NAME = "stacked_mnist"
SINGLE = "mnist"  # the set whose images are stacked
CHANNELS = 3
MODES = 10**CHANNELS
SIZES = {"train": 50_000, "valid": 5_000, "test": 10_000}
SEED = 0  # of the set, not of a run


def number(digits: np.ndarray) -> np.ndarray:
    """Class numbers 100 a + 10 b + c [N] int32 of the digits (a, b, c) of each channel [N, 3]."""
    return (digits @ 10 ** np.arange(CHANNELS)[::-1]).astype(np.int32)


def stack(digits: Examples, count: int, random: np.random.Generator) -> Examples:
    """`count` images [count, H * W * 3], each of three digits drawn with replacement, independently of each other."""
    chosen = random.integers(0, len(digits.label), (count, CHANNELS))
    channels = rows.read(digits.image, chosen)  # [count, 3, H * W]
    return Examples(channels.swapaxes(1, 2).reshape(count, -1), number(digits.label[chosen]))


def load(data_dir: str = "") -> Dataset:
    """Stacks [28, 28, 3]: 50,000 for training, 5,000 for validation, 10,000 for the test.

    Each split is drawn from the same split of `mnist`: no digit is in two of them. Class 123, named "123", has a 1 in
    its first channel.

    Raises:
        Refused: a file of `mnist` is damaged, or missing and cannot be downloaded.
    """
    mnist = originals.original_dataset(SINGLE, data_dir)
    random = np.random.Generator(np.random.PCG64(SEED))
    parts = [stack(getattr(mnist, split), count, random) for split, count in SIZES.items()]
    return dataset(NAME, (*mnist.shape[:2], CHANNELS), tuple(f"{n:03}" for n in range(MODES)), *parts)
