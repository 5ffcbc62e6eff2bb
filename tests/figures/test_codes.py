"""Measures of codes: neighbours, probes, saturation, spectra, compression, what is filled in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from jaxgen.core.types import State, Technique
from jaxgen.figures import codes, compression, inpainting, probes, restoring
from jaxgen.figures.clustered import surest
from jaxgen.figures.probes import Split

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6)).astype(np.float32)
LABEL = (X @ RNG.normal(size=(6, 3)) + RNG.normal(size=(300, 3))).argmax(1)
SPLITS = [Split(X[part], LABEL[part]) for part in (slice(0, 180), slice(180, 240), slice(240, 300))]


def linear(matrix):
    """A Technique that projects images [D] to codes and back; of linear images, not in [0, 1]."""
    encode = lambda state, key, image: state.params @ image
    reconstruct = lambda state, key, image: state.params.T @ (state.params @ image)
    state = State(jnp.zeros((), jnp.int32), jax.random.key(0), jnp.asarray(matrix, jnp.float32), ())
    return Technique(*[None] * 3, {"encode": encode, "reconstruct": reconstruct}, None, None), state


def test_neighbours_vote_as_scikit_learns():
    train, _, test = SPLITS
    theirs = KNeighborsClassifier(5, algorithm="brute").fit(train.x, train.label)
    np.testing.assert_array_equal(probes.neighbours(test.x, train.x, 5), theirs.kneighbors(test.x)[1])
    one = KNeighborsClassifier(1).fit(train.x, train.label)
    assert probes.neighbour_accuracy(train, test, 3, 1) == pytest.approx(one.score(test.x, test.label))
    votes = np.array([[2, 1, 1, 0, 0], [0, 0, 1, 1, 2], [2, 2, 2, 1, 1]])
    np.testing.assert_array_equal(probes.voted(votes, 3), [1, 0, 2])


def test_logistic_regression_is_scikit_learns():
    train = SPLITS[0]
    decays = np.float32([1e-3, 1e-1])
    weight = np.full(180, 1 / 180, np.float32)
    kernels, biases = probes.logistic(train.x, train.label, weight, decays, 3)
    for decay, kernel, bias in zip(decays, kernels, biases):
        theirs = LogisticRegression(C=1 / (decay * 180), tol=1e-8, max_iter=1000).fit(train.x, train.label)
        np.testing.assert_allclose(kernel.T, theirs.coef_, atol=2e-3)
        np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=2e-3)


def test_few_labels_are_of_all_classes():
    few = probes.labelled(SPLITS[0], 30, 3, 0)
    np.testing.assert_array_equal(np.bincount(few.label), [10, 10, 10])
    assert len(probes.labelled(SPLITS[0], 1000, 3, 0).label) == 180
    assert not np.array_equal(probes.labelled(SPLITS[0], 30, 3, 1).x, few.x)
    np.testing.assert_array_equal(probes.labelled(SPLITS[0], 60, 3, 0).x[:30], few.x)


def test_saturation_is_near_the_ends_of_an_activations_range():
    """4 h (1 - h) < 0.05 below h = 0.0127, and above 0.9873; 1 - h^2 < 0.05 beyond 0.9747."""
    assert codes.saturation(np.float32([[0.01, 0.06, 0.5, 0.94, 0.99]]), "sigmoid") == pytest.approx(0.4)
    assert codes.saturation(np.float32([[-0.98, 0.89, 0.0, 0.92]]), "tanh") == pytest.approx(0.5)
    assert codes.saturation(np.float32([[0.0, 0.1, 3.0, 0.0]]), "relu") == pytest.approx(0.5)
    assert codes.saturation(np.float32([[0.0, -7.0]]), "linear") == 0


def test_singular_values_and_images_that_are_filled_in():
    """Of a linear encoder those of its matrix; hidden pixels end at what the known ones say within its space."""
    matrix = RNG.normal(size=(3, 6))
    values = codes.singular_values(*linear(matrix), np.float32(RNG.random((4, 6))))
    np.testing.assert_allclose(values, np.linalg.svd(matrix, compute_uv=False), rtol=1e-4)
    direction = np.full((1, 16), 0.25)  # images of one grey
    technique, state = linear(direction)
    mask = inpainting.hidden((4, 4, 1), "block")
    np.testing.assert_array_equal(np.flatnonzero(mask), [5, 6, 9, 10])
    x = np.float32([np.full(16, 0.2), np.full(16, 0.8)])
    np.testing.assert_allclose(inpainting.filled(technique, state, x, mask, np.zeros(16)), x, rtol=1e-4)
    assert inpainting.hidden((4, 4, 1), "half").sum() == 8


def test_bytes_of_codes_and_of_jpeg():
    train = np.float32([[0.0, -1.0, 3.0], [1.0, 1.0, 3.0]])
    back = compression.quantised(np.float32([[0.501, 2.0, 9.0]]), train)
    np.testing.assert_allclose(back, [[128 / 255, 1.0, 3.0]], rtol=1e-5)
    error = np.abs(compression.quantised(X[:9], X) - X[:9]).max(0)
    assert (error <= (X.max(0) - X.min(0)) / 510 * 1.001).all()
    image = np.float32(np.add.outer(np.arange(16), np.arange(16)) / 30)[..., None]
    pairs = {quality: compression.jpeg(image, quality) for quality in (5, 90)}
    assert {each[0].shape for each in pairs.values()} == {(16, 16, 1)}
    assert np.abs(pairs[90][0] - image).max() < 0.02 < np.abs(pairs[5][0] - image).max()
    assert pairs[5][2] < pairs[90][2] < pairs[90][1]
    assert pairs[90][1] - pairs[90][2] > 100  # headers and tables


def test_restored_images_are_measured_in_decibels():
    clean = np.full((3, 16), 0.5, np.float32)
    assert restoring.quality(clean + np.float32([[0.1], [0.01], [0.0]]), clean) == pytest.approx(30, rel=1e-3)
    assert restoring.quality(np.full((1, 16), 7, np.float32), np.full((1, 16), 0.9, np.float32)) == pytest.approx(
        20, rel=1e-3
    )
    spot = np.zeros((1, 16), np.float32)
    spot[0, 5] = 1
    assert not restoring.filtered(spot, (4, 4, 1), 3).any()


def test_the_surest_images_of_each_cluster():
    q = np.float32([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    pictures = surest(q, np.float32([[0.0], [0.1], [0.2], [0.3]])).reshape(2, -1)
    np.testing.assert_allclose(pictures[:, :4], [[0.0, 0.3, 0.1, 0.5], [0.2, 0.5, 0.5, 0.5]])


@pytest.mark.ci
def test_measures_of_codes_that_are_classes():
    """Codes that tell classes apart perfectly, whatever is asked of them."""
    label = np.arange(120) % 3
    features = codes.Features(*[Split(10 * np.eye(3, dtype=np.float32)[label], label)] * 3, 3)
    values = codes.measures(features, 0, "length")
    assert set(values.values()) == {1.0}
    assert {*values, "squared error", "saturated"} == codes.DEFINITIONS.keys()
    half = codes.scaled(codes.changed(features, lambda x: x * np.float32([[1, 2, 0]])), "units").train.x
    np.testing.assert_allclose(half.std(0), [1, 1, 0], rtol=1e-4)
