"""How well a score tells two sets apart. On the host."""

import numpy as np
from scipy.stats import rankdata


def area_under_curve(low: np.ndarray, high: np.ndarray) -> float:
    """The area under the ROC curve: how probable a score of `high` [M] is larger than one of `low` [N]; ties a half.

    It is Mann & Whitney's U / (N M), https://doi.org/10.1214/aoms/1177730491. Raises ValueError for an empty set.
    """
    if not len(low) or not len(high):
        raise ValueError(f"expected scores of two sets, found {len(low)} and {len(high)}")
    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))
