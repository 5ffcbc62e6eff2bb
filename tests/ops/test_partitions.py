"""Measures of clusterings against scikit-learn's, and the best assignment against all of them."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from jaxgen.ops.partitions import adjusted_rand, contingency, matched_accuracy, mutual_information

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 60)
CASES = {
    "random": (TRUTH, RNG.integers(0, 3, 60)),
    "related": (TRUTH, np.where(RNG.random(60) < 0.7, (TRUTH + 1) % 4, RNG.integers(0, 4, 60))),
    "permuted": (TRUTH, np.array([7, 2, 0, 5])[TRUTH]),
    "one cluster": (TRUTH, np.zeros(60, int)),
    "one class and cluster": (np.ones(60, int), np.zeros(60, int)),
    "each its own": (TRUTH, np.arange(60)),
    "all their own": (np.arange(60), np.arange(60)[::-1]),
}


@pytest.mark.parametrize("case", CASES)
def test_measures_are_those_of_scikit_learn(case):
    truth, label = CASES[case]
    expected = normalized_mutual_info_score(truth, label, average_method="arithmetic")
    assert mutual_information(truth, label) == pytest.approx(expected, abs=1e-9)
    assert adjusted_rand(truth, label) == pytest.approx(adjusted_rand_score(truth, label), abs=1e-9)


def test_the_best_assignment_is_the_best_of_all():
    for case, clusters in (("random", 4), ("related", 4)):
        truth, label = CASES[case]
        accuracies = [(np.array(names)[label] == truth).mean() for names in itertools.permutations(range(clusters))]
        assert matched_accuracy(truth, label) == pytest.approx(max(accuracies))
    assert matched_accuracy(*CASES["permuted"]) == 1
    assert matched_accuracy(*CASES["one cluster"]) == np.bincount(TRUTH).max() / 60
    assert matched_accuracy(*CASES["each its own"]) == 4 / 60
    np.testing.assert_array_equal(contingency(np.array([3, 3, 1]), np.array([0, 9, 9])), [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match=r"found \(60,\) and \(3,\)"):
        matched_accuracy(TRUTH, np.zeros(3, int))
