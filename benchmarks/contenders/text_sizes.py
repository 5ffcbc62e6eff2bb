"""The three trainings of language models that race, in the words of all their contenders."""

from typing import NamedTuple

import numpy as np

CHARACTERS = 200_000  # of the text


class Sizes(NamedTuple):
    """Of one training; the network's own words say the rest."""

    vocabulary: int
    batch: int
    context: int  # tokens of a window
    width: int


SIZES = {
    "windows": Sizes(57, 128, 60, 128),  # Chollet & Allaire, section 8.1: the character after a window
    "carried": Sizes(57, 64, 128, 512),  # every next character, hidden states carried from window to window
    "transformer": Sizes(65, 12, 64, 128),  # nanoGPT's configuration for a CPU: four layers of four heads
}
LAYERS, HEADS = 4, 4
TEMPERATURE = 0.5  # of what is sampled


def text(vocabulary: int) -> np.ndarray:
    """Characters [N] uint8, drawn: how long a step takes does not depend on which they are."""
    return np.random.default_rng(0).integers(0, vocabulary, CHARACTERS, np.uint8)
