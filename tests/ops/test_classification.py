"""Cross-entropy, calibration and confusion against loops, scikit-learn and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import confusion_matrix

from jaxgen.ops.classification import calibration_bins, calibration_error, confusion, cross_entropy

ALL = jnp.ones(8, bool)
tallied = jax.jit(calibration_bins, static_argnames="bins")
count = jax.jit(confusion, static_argnums=3)


def draw(shape=(8,), classes=5, seed=0):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(*shape, classes)).astype(np.float32)
    return jnp.asarray(logits), jnp.asarray(rng.integers(0, classes, shape), jnp.int32)


def softmax(logits):
    powers = np.exp(np.asarray(logits, np.float64))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("shape", "smoothing"), [*(pytest.param((8,), share, marks=pytest.mark.ci) for share in (0.0, 1.0)), ((2, 3), 0.1)]
)
def test_smoothed_cross_entropy_and_its_gradient(shape, smoothing):
    """Against -sum q log p and softmax - q with q as section 7 of Szegedy et al. has it; sparse, one-hot and spread."""
    logits, label = draw(shape)
    one_hot = np.eye(5)[np.asarray(label)]
    spread = np.random.default_rng(1).dirichlet(np.ones(5), shape)
    pulled = jax.grad(lambda logits, label: cross_entropy(logits, label, smoothing).sum())
    both = jax.jit(lambda logits, label: (cross_entropy(logits, label, smoothing), pulled(logits, label)))
    results = []
    for given, base in ((label, one_hot), (jnp.float32(one_hot), one_hot), (jnp.float32(spread), spread)):
        q = (1 - smoothing) * base + smoothing / 5
        value, slope = both(logits, given)
        assert value.shape == shape
        np.testing.assert_allclose(value, -np.sum(q * np.log(softmax(logits)), -1), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(slope, softmax(logits) - q, atol=1e-6)
        smooth = optax.losses.smooth_labels(jnp.float32(base), smoothing)
        np.testing.assert_allclose(value, optax.softmax_cross_entropy(logits, smooth), rtol=1e-5, atol=1e-6)
        results.append((value, slope))
    for sparse, dense in zip(*results[:2]):
        assert np.array_equal(sparse, dense)


@pytest.mark.ci
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_logits_are_taken_to_float32(dtype):
    logits, label = draw()
    logits = logits.astype(dtype)
    found = cross_entropy(logits, label, 0.1)
    assert found.dtype == jnp.float32
    assert np.array_equal(found, cross_entropy(logits.astype(jnp.float32), label, 0.1))
    one_hot = jax.nn.one_hot(label, 5, dtype=dtype)
    assert np.array_equal(found, cross_entropy(logits, one_hot, 0.1))


@pytest.mark.ci
def test_extreme_logits():
    logits = jnp.array([[1e30, -1e30, 0.0], [-1e30, -1e30, -1e30], [1e5, 0.0, -1e5]])
    label = jnp.array([0, 1, 2])
    for smoothing in (0.0, 0.1):
        loss = lambda at, smoothing=smoothing: cross_entropy(at, label, smoothing).sum()
        value, slope = jax.jit(jax.value_and_grad(loss))(logits)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
    np.testing.assert_allclose(cross_entropy(logits, label), [0.0, np.log(3), 2e5], rtol=1e-6)


@pytest.mark.ci
def test_classes_ruled_out_by_minus_infinity():
    logits = jnp.array([0.0, -jnp.inf, 0.0])
    value, slope = jax.value_and_grad(cross_entropy)(logits, jnp.array(2))
    assert float(value) == pytest.approx(np.log(2))
    np.testing.assert_allclose(slope, [0.5, 0.0, -0.5], atol=1e-6)
    assert cross_entropy(logits, jnp.array(1)) == jnp.inf
    by_label = jax.grad(cross_entropy, argnums=1)(jnp.zeros(3), jnp.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(by_label, np.log(3), rtol=1e-6)  # of what has no weight too


@pytest.mark.ci
def test_labels_out_of_range_do_not_pass_for_learnt():
    logits = jnp.zeros((3, 300))
    assert np.isnan(cross_entropy(logits, jnp.array([-1, 300, 5]))).tolist() == [True, True, False]
    slope = jax.grad(lambda at: cross_entropy(at, jnp.arange(3, dtype=jnp.uint8)).sum())(logits)
    assert np.array_equal(jnp.argwhere(slope < 0), [[0, 0], [1, 1], [2, 2]])  # 256 + n is not n


@pytest.mark.ci
@pytest.mark.parametrize("label", [jnp.zeros(8), jnp.zeros((8, 4)), jnp.zeros((8, 1), int), jnp.zeros((), int)])
def test_labels_of_another_shape_are_errors(label):
    with pytest.raises(ValueError, match="found"):
        cross_entropy(draw()[0], label)


def bins_by_loop(probability, label, bins):
    tally = np.zeros((bins, 3))
    for p, target in zip(np.asarray(probability), np.asarray(label)):
        owner = next(m for m in range(bins) if p.max() <= np.float32((m + 1) / bins) or m == bins - 1)
        tally[owner] += 1, p.max(), p.argmax() == target
    return tally


def guo_error(tally):
    """Equations 1 to 3, bin by bin."""
    n = tally[:, 0].sum()
    return sum(count / n * abs(right / count - sure / count) for count, sure, right in tally if count)


@pytest.mark.parametrize("bins", [pytest.param(7, marks=pytest.mark.ci), 15])
def test_calibration_against_a_loop(bins):
    logits, label = draw((300,))
    probability = jax.nn.softmax(logits)
    tally = tallied(probability, label, jnp.ones(300, bool), bins=bins)
    expected = bins_by_loop(probability, label, bins)
    assert tally.shape == (bins, 3)
    np.testing.assert_allclose(tally, expected, rtol=1e-5)
    assert float(calibration_error(tally)) == pytest.approx(guo_error(expected), rel=1e-5)


@pytest.mark.ci
def test_edges_belong_to_the_bin_below():
    confidence = np.float32([0.5, 0.75, 1.0, np.nextafter(np.float32(0.5), np.float32(1)), 0.6])
    probability = jnp.stack([confidence, 1 - confidence], axis=-1)
    tally = tallied(probability, jnp.array([0, 0, 0, 1, 1]), jnp.ones(5, bool), bins=4)
    assert np.array_equal(tally[:, [0, 2]], [[0, 0], [1, 1], [3, 1], [1, 1]])
    edges = np.float32(np.arange(1, 16) / 15)  # where a product with 15 would round either way
    row = jnp.asarray(np.stack([edges, np.zeros(15, np.float32)], -1))
    for at, counts in ((row, np.ones(15)), (np.nextafter(row, np.float32(2)), [0, *np.ones(13), 2])):
        assert np.array_equal(tallied(at, jnp.zeros(15, int), jnp.ones(15, bool))[:, 0], counts)


def test_masks_and_batches_of_calibration():
    logits, label = draw((40,))
    probability, label, kept = np.asarray(jax.nn.softmax(logits)), np.asarray(label), np.arange(40) % 3 > 0
    whole = tallied(probability, label, kept)
    np.testing.assert_allclose(whole, bins_by_loop(probability[kept], label[kept], 15), rtol=1e-5)
    spoilt = np.where(kept[:, None], probability, np.float32(np.nan))
    parts = [tallied(spoilt[at], label[at], kept[at]) for at in (slice(20), slice(20, 40))]
    np.testing.assert_allclose(parts[0] + parts[1], whole, rtol=1e-6)
    assert not np.any(tallied(spoilt, label, np.zeros(40, bool)))


@pytest.mark.parametrize("classes", [2, pytest.param(1000, marks=pytest.mark.ci)])
def test_confusion_against_scikit_learn(classes):
    logits, label = draw((2000,), classes)
    mask = np.random.default_rng(1).random(2000) < 0.7
    expected = confusion_matrix(label[mask], logits.argmax(-1)[mask], labels=range(classes))
    spoilt = jnp.where(mask[:, None], logits, jnp.nan)
    found = count(spoilt, label, mask, classes)
    assert found.dtype == jnp.int32
    assert np.array_equal(found, expected)
    assert np.array_equal(count(logits.argmax(-1), jnp.where(mask, label, -1), mask, classes), expected)
    parts = [count(spoilt[at], label[at], mask[at], classes) for at in (slice(1000), slice(1000, 2000))]
    assert np.array_equal(sum(parts), expected)


@pytest.mark.ci
def test_confusion_leaves_out_what_is_no_class():
    label = jnp.array([0, -1, 3, 1, 1, 2, 255, 2], jnp.int32)
    prediction = jnp.array([0, 0, 0, -1, 3, 1, 1, 1], jnp.int32)
    assert np.array_equal(confusion(prediction, label, ALL, 3), [[1, 0, 0], [0, 0, 0], [0, 2, 0]])
    small = jnp.array([0, 1, 2, 3, 4, 5, 6, 44], jnp.uint8)  # of which 300 is 44
    assert int(confusion(small, small, ~ALL, 300).sum()) == 0


@pytest.mark.parametrize("prediction", [jnp.zeros(8), jnp.zeros((8, 4)), jnp.zeros((7, 3)), jnp.zeros(7, int)])
def test_predictions_of_another_shape_are_errors(prediction):
    with pytest.raises(ValueError, match="found"):
        confusion(prediction, jnp.zeros(8, int), ALL, 3)
