"""Folds against scikit-learn and loops, over ragged batches whose filling is not a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from jaxgen.core import evaluation
from jaxgen.core.folds import averaged, classified
from jaxgen.core.types import Holdout, Measured

KEY, COUNT, CLASSES = jax.random.key(0), 41, ("ant", "bee", "cat", "dog", "elk")
FOLD = classified(lambda state, batch: batch["logits"] * state, CLASSES)


def numbers(metrics):
    return {name: value for name, (value, _) in metrics.items()}


def take(size):
    """Batches of `size`; what is beyond the last example is not a number, of a class that is none."""

    def batch(arrays, n):
        index = n * size + jnp.arange(size)
        fill = lambda a: jnp.concatenate([a, jnp.full((size, *a.shape[1:]), jnp.nan if a.ndim > 1 else -1, a.dtype)])
        return {name: fill(a)[index] for name, a in arrays.items()}, index < COUNT

    return batch


def drawn(one_hot=False):
    rng = np.random.default_rng(0)
    logits, label = 2 * rng.normal(size=(COUNT, 5)), rng.integers(0, 5, COUNT)
    given = np.eye(5, dtype=np.float32)[label] if one_hot else label.astype(np.int32)
    return {"logits": jnp.asarray(logits, jnp.float32), "label": jnp.asarray(given)}, logits, label


def calibration(probability, label):
    """Expected difference of confidence and accuracy, bin by bin: (m / 15, (m + 1) / 15]."""
    sure, right = probability.max(1), probability.argmax(1) == label
    parts = [(sure > m / 15) & (sure <= (m + 1) / 15) for m in range(15)]
    return sum(part.sum() * abs(right[part].mean() - sure[part].mean()) for part in parts if part.any()) / len(label)


@pytest.mark.parametrize(("size", "one_hot"), [(8, False), pytest.param(64, True, marks=pytest.mark.ci)])
def test_classified_against_scikit_learn(size, one_hot):
    arrays, logits, label = drawn(one_hot)
    holdout = Holdout(arrays, take(size), -(-COUNT // size))
    counted = evaluation.tally(FOLD, jnp.float32(1.5), holdout, KEY)
    powers = np.exp(1.5 * logits)
    probability = powers / powers.sum(1, keepdims=True)
    assert numbers(evaluation.finish(FOLD, counted)) == {
        "accuracy": pytest.approx(accuracy_score(label, probability.argmax(1)), rel=1e-6),
        "nll": pytest.approx(log_loss(label, probability), rel=1e-5),
        "calibration_error": pytest.approx(calibration(probability, label), rel=1e-4),
    }
    np.testing.assert_array_equal(counted["confusion"], confusion_matrix(label, probability.argmax(1)))
    assert (counted["confusion"].dtype, counted["confusion"].sum()) == (jnp.int32, COUNT)
    assert counted["bins"][:, 0].sum() == COUNT


def test_of_spread_labels_the_likelihood_is_the_cross_entropy():
    """And the class is the most probable one."""
    arrays, logits, label = drawn()
    q = 0.6 * np.eye(5)[label] + 0.4 * np.random.default_rng(1).dirichlet(np.ones(5), COUNT)
    metrics = numbers(evaluation.evaluate(FOLD, 1.0, Holdout(arrays | {"label": jnp.float32(q)}, take(8), 6), KEY))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert metrics["nll"] == pytest.approx(-(q * log_p).sum(1).mean(), rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == q.argmax(1)), rel=1e-6)


def test_what_classified_says_of_itself():
    assert list(FOLD.definitions) == ["accuracy", "nll", "calibration_error"]
    assert FOLD.better == "higher"
    assert evaluation.objective(FOLD, {"accuracy": Measured(0.75, "")}) == -0.75
    for name, words in (("accuracy", "of 5"), ("nll", "nats per image"), ("calibration_error", "15 equal bins")):
        assert words in FOLD.definitions[name]
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(FOLD.start())), "a tally starts at nothing"


def test_averages_are_over_examples_and_not_over_batches():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(COUNT, 3)), jnp.float32)
    measure = lambda state, key, batch: (batch["x"].sum(1), jnp.square(batch["x"]).sum(1))
    fold = averaged(measure, {"sum": "of three", "square": "of them"})
    metrics = numbers(evaluation.evaluate(fold, (), Holdout({"x": x}, take(8), 6), KEY))
    x = np.float64(x)
    expected = {"sum": x.sum(1).mean(), "square": (x**2).sum(1).mean()}
    assert metrics == {name: pytest.approx(value, rel=1e-4) for name, value in expected.items()}
    assert list(metrics) == ["sum", "square"]
