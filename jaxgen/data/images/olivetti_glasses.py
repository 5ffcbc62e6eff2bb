"""The Olivetti faces with and without glasses, people of the three splits apart. Photographs: see `olivetti`.

Who wears glasses was noted by eye.
"""

import numpy as np

from jaxgen.data.examples import Dataset, Examples, dataset
from jaxgen.data.images import olivetti
from jaxgen.data.images.olivetti import EACH, PEOPLE, SIDE

CLASSES = ("without glasses", "with glasses")
# First and last photographs of those with glasses, in the order of people and of the file: 119 of 400.
WITH: tuple[tuple[int, int], ...]
WITH = ((10, 19), (30, 32), (37, 38), (50, 59), (63, 64), (69, 69), (120, 121), (124, 139), (160, 161), (164, 169))
WITH += ((180, 182), (185, 185), (189, 192), (194, 194), (196, 199), (260, 279), (300, 309), (330, 339), (358, 369))
# Of validation and test: people who wear glasses in some photographs at least, and people who never do.
VALID, TEST = (2, 2), (3, 5)


def wearing() -> np.ndarray:
    """Whether each photograph [400] shows glasses, in the order of people."""
    glasses = np.zeros(PEOPLE * EACH, bool)
    for first, last in WITH:
        glasses[first : last + 1] = True
    return glasses


def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the people of training, validation and test, always the same: 28, 4 and 8 of 40."""
    sometimes = wearing().reshape(PEOPLE, EACH).any(1)
    draw = np.random.Generator(np.random.PCG64(0))
    with_glasses, without = (draw.permutation(np.flatnonzero(each)) for each in (sometimes, ~sometimes))
    parts = []
    for count, order in zip(zip(VALID, TEST), (with_glasses, without)):
        parts.append(np.split(order, np.cumsum(count)))
    valid, test, train = (np.sort(np.concatenate(each)) for each in zip(*parts))
    return train, valid, test


def load(data_dir: str = "") -> Dataset:
    """Faces [64, 64, 1] labelled `without glasses` or `with glasses`: 280 for training, 40 and 80 of other people.

    Raises:
        Refused: the file is damaged, or missing and cannot be downloaded.
    """
    image, label = olivetti.faces(data_dir)
    order = np.argsort(label, kind="stable").reshape(PEOPLE, EACH)
    flat, glasses = image.reshape(len(image), -1), wearing().astype(np.int32)

    def split(numbers):
        ordinal = (numbers[:, None] * EACH + np.arange(EACH)).ravel()
        return Examples(flat[order.ravel()[ordinal]], glasses[ordinal])

    return dataset("olivetti_glasses", (SIDE, SIDE, 1), CLASSES, *map(split, people()))
