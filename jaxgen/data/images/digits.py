"""The 1,797 handwritten digits in scikit-learn: real data without a download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (its test part): 8x8 pixels,
17 grey levels.
https://archive.ics.uci.edu/dataset/80
"""

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, dataset, split


def load(data_dir: str = "") -> Dataset:
    """Digits [8, 8, 1], white (255) on black (0): 1,438 for training, 179 for validation, 180 for the test.

    `data_dir` is not used. Raises Refused where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # takes a second to import
    except ImportError as error:
        raise Refused('the digits come with scikit-learn: pip install "jaxgen[data]"') from error
    levels, label = load_digits(return_X_y=True)
    image = np.rint(levels * (255 / 16)).astype(np.uint8)
    return dataset("digits", (8, 8, 1), tuple("0123456789"), *split(image, label.astype(np.int32)))
