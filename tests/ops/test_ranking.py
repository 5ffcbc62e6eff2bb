"""The area under the ROC curve against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jaxgen.ops.ranking import area_under_curve


def test_it_is_scikit_learns():
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 9, 40), rng.integers(3, 12, 25)  # with ties
    truth = np.repeat([0, 1], [40, 25])
    assert area_under_curve(low, high) == pytest.approx(roc_auc_score(truth, np.concatenate([low, high])))
    assert area_under_curve(low, low) == 0.5
    with pytest.raises(ValueError, match="found 40 and 0"):
        area_under_curve(low, low[:0])
