"""Numbers behind the pictures of a game."""

import numpy as np

from jaxgen.figures import adversaries, clouds

RANDOM = np.random.default_rng(0)


def test_distances_of_different_rows_are_averaged():
    x = RANDOM.normal(size=(6, 3)) + 100.0
    pairs = [np.linalg.norm(a - b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    assert np.isclose(adversaries.mean_distance(x), np.mean(pairs))
    assert adversaries.mean_distance(np.ones((4, 3))) == adversaries.mean_distance(np.ones((1, 3))) == 0.0


def test_warnings():
    assert adversaries.warning(10, 0.9, 0.8) == ""
    assert "samples are alike after 1,000 updates: 0.10 of" in adversaries.warning(1000, 0.1, 1.0)
    assert "tells all samples from images" in adversaries.warning(10, 0.9, 1.0)


def test_pairs_roc_auc_are_counted():
    real, fake = RANDOM.normal(0.5, 1.0, 50), RANDOM.normal(0.0, 1.0, 70)
    pairs = np.mean([[a > b for b in fake] for a in real])
    assert np.isclose(adversaries.roc_auc(real, fake), pairs)
    assert adversaries.roc_auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert adversaries.roc_auc(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 0.75  # equal ones count half


def test_the_nearest_training_image_is_found_in_blocks():
    images = RANDOM.integers(0, 256, (23, 5), np.uint8)
    samples = images[[22, 3, 7]] / 255.0 + 1e-3
    assert np.allclose(adversaries.neighbours(samples, images, block=8), images[[22, 3, 7]] / 255.0)


def test_labels_of_a_grid_are_in_order_and_equally_many():
    assert adversaries.shown_labels(4, 8).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert adversaries.shown_labels(0, 3).tolist() == [0, 0, 0]


def test_a_histogram_is_a_density_of_each():
    for middles, density in adversaries.histogram({"a": RANDOM.normal(size=99), "b": RANDOM.normal(size=50)}).values():
        assert np.isclose(density.sum() * (middles[1] - middles[0]), 1.0)


def test_a_mode_needs_two_fifths_of_its_share():
    assert np.isclose(clouds.enough(np.zeros((8, 2))), 0.05)
