"""The 1,797 handwritten digits that come with scikit-learn: real data without a download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (its test part): 8x8 pixels,
17 grey levels.
https://archive.ics.uci.edu/dataset/80
"""

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, dataset, split


def load() -> Dataset:
    """Digits: 1,438 to train, 179 to validate and 180 to test on; white (255) on black (0), [8, 8, 1].

    Raises:
        Refused: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # a second to import, and only this set needs it
    except ImportError as error:
        raise Refused('the digits come with scikit-learn: pip install "jaxgen[data]"') from error
    levels, label = load_digits(return_X_y=True)
    image = np.rint(levels * (255 / 16)).astype(np.uint8)
    return dataset("digits", (8, 8, 1), tuple("0123456789"), *split(image, label.astype(np.int32)))
