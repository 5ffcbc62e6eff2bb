"""How alike two partitions of the same examples are: classes, and clusters whose numbers mean nothing. On the host.

N    examples
A, B classes that occur, clusters that occur
"""

import numpy as np
from scipy.optimize import linear_sum_assignment


def contingency(truth: np.ndarray, label: np.ndarray) -> np.ndarray:
    """How many examples are of each class [row] in each cluster [column]: [A, B] int64, of integers [N] and [N].

    Raises ValueError where these are no two lists of the same length, at least 1.
    """
    if np.ndim(truth) != 1 or np.shape(truth) != np.shape(label) or not len(truth):
        raise ValueError(
            f"expected classes [N] and clusters [N], N >= 1, found {np.shape(truth)} and {np.shape(label)}"
        )
    classes, row = np.unique(truth, return_inverse=True)
    clusters, column = np.unique(label, return_inverse=True)
    counts = np.bincount(row * len(clusters) + column, minlength=len(classes) * len(clusters))
    return counts.reshape(len(classes), len(clusters))


def mutual_information(truth: np.ndarray, label: np.ndarray) -> float:
    """Normalised mutual information: I(truth; label) / (mean of both entropies), from 0 to 1.

    The mean is arithmetic, as scikit-learn has it by default; others take the geometric mean or the larger entropy.
    Of two partitions of one part each it is 1.
    """
    joint = contingency(truth, label) / len(truth)
    rows, columns = joint.sum(1), joint.sum(0)
    entropy = lambda p: float(-(p * np.log(p)).sum())
    both = entropy(rows) + entropy(columns)
    if len(rows) == len(columns) == 1:
        return 1.0
    present = joint > 0
    information = float((joint[present] * np.log((joint / np.outer(rows, columns))[present])).sum())
    return max(0.0, 2 * information / both)


def adjusted_rand(truth: np.ndarray, label: np.ndarray) -> float:
    """The Rand index adjusted for chance: 1 for equal partitions, 0 on average for random ones, at least -0.5.

    Hubert & Arabie 1985, https://doi.org/10.1007/BF01908075, equation 5: pairs of examples on which both agree.
    """
    counts = contingency(truth, label)
    pairs = lambda n: float((n * (n - 1) / 2).sum())
    together, rows, columns = pairs(counts), pairs(counts.sum(1)), pairs(counts.sum(0))
    if rows == columns == together:
        return 1.0
    expected = rows * columns / pairs(counts.sum())
    return (together - expected) / ((rows + columns) / 2 - expected)


def matched_accuracy(truth: np.ndarray, label: np.ndarray) -> float:
    """The share of examples in the cluster that stands for their class, by the best assignment of one to the other.

    Each class has at most one cluster and each cluster at most one class (Kuhn 1955, the Hungarian method,
    https://doi.org/10.1002/nav.3800020109).
    """
    counts = contingency(truth, label)
    row, column = linear_sum_assignment(counts, maximize=True)
    return float(counts[row, column].sum() / len(truth))
