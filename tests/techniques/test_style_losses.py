"""Statistics of features and their distances against numpy and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxgen.nets.pretrained.terms import Term
from jaxgen.techniques.imagery import style_losses as s

DRAWS = np.random.default_rng(0)
OURS, THEIRS = (DRAWS.normal(m, 1.0, (h, 5, 4)).astype(np.float32) for m, h in ((0.5, 6), (1.0, 7)))


def gaussian(x):
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    return flat.mean(0), np.cov(flat.T, bias=True), flat.T @ flat / len(flat)


def of_numpy():
    (mean, cov, second), (mean_, cov_, second_) = gaussian(OURS), gaussian(THEIRS)
    shift = ((mean - mean_) ** 2).sum()
    deviations = np.sqrt(np.diag(cov)) - np.sqrt(np.diag(cov_))
    cov, cov_ = (c + 1e-3 * np.diag(gaussian(THEIRS)[1]).mean() * np.eye(4) for c in (cov, cov_))
    root = scipy.linalg.sqrtm(cov_)
    shared = np.trace(scipy.linalg.sqrtm(root @ cov @ root)).real
    return {
        "gram": ((second - second_) ** 2).sum() / 64,
        "moments": (shift + (deviations**2).sum()) / 4,
        "wasserstein": (shift + np.trace(cov + cov_) - 2 * shared) / 4,
    }


@pytest.fixture(scope="module")
def distances():
    """Name -> (distance, gradient in the features), of any two images."""
    each = lambda distance: lambda x, y: distance(s.statistics(x), s.statistics(y))
    every = lambda x, y: {name: jax.value_and_grad(each(d))(x, y) for name, d in s.DISTANCES.items()}
    return jax.jit(every)


def test_distances_are_those_of_numpy(distances):
    measured = distances(OURS, THEIRS)
    for name, expected in of_numpy().items():
        np.testing.assert_allclose(measured[name][0], expected, rtol=2e-4, err_msg=name)


def test_gradients_are_differences(distances):
    direction = DRAWS.normal(size=OURS.shape).astype(np.float32)
    above, below = (distances(OURS + step * direction, THEIRS) for step in (1e-2, -1e-2))
    for name, (_, gradient) in distances(OURS, THEIRS).items():
        slope = (above[name][0] - below[name][0]) / 2e-2
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=2e-2, err_msg=name)


def test_an_image_is_at_no_distance_from_itself_nor_where_it_has_fewer_positions_than_channels(distances):
    for image in (THEIRS, np.broadcast_to(THEIRS[:1, :1], THEIRS.shape), np.zeros_like(THEIRS)):
        for name, (distance, gradient) in distances(image, image).items():
            np.testing.assert_allclose(distance, 0.0, atol=1e-5, err_msg=name)
            assert np.isfinite(gradient).all(), name


def test_sums_of_parts_are_those_of_the_whole():
    @jax.jit
    def compared(x, weights):
        whole, parts = s.sums(x), [s.sums(x, jnp.asarray(w)) for w in (weights, 1 - weights)]
        return whole, jax.tree.map(jnp.add, *parts), s.statistics(x), s.statistics(x, jnp.ones((2, 6, 5)))

    whole, together, plain, ones = compared(OURS, DRAWS.uniform(size=(6, 5)).astype(np.float32))
    for a, b in zip(whole, together):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for a, b in zip(plain, ones):
        np.testing.assert_allclose(np.stack([a, a]), b, rtol=1e-5, atol=1e-6)  # two regions, of all positions each
    nothing = s.means(s.Sums(jnp.zeros(()), jnp.zeros(4), jnp.zeros((4, 4))))
    assert np.isfinite(nothing.second).all()


def test_losses_by_layer_and_their_sum():
    features = {"a": jnp.asarray(OURS), "b": jnp.asarray(OURS[:, :, :2])}
    targets = s.style_targets({"a": jnp.asarray(THEIRS), "b": jnp.asarray(THEIRS[..., :2])}, ("a", "b"))
    losses = s.style_losses(s.style_targets(features, ("a", "b")), targets)
    total = s.weighted((Term("a", None, 2.0), Term("b", None, -0.5)), losses)
    np.testing.assert_allclose(total, 2 * losses["a"] - 0.5 * losses["b"], rtol=1e-6)
    assert s.named("style", losses).keys() == {"style_a", "style_b"}
    shifted = s.content_losses(features, {"a": OURS + 0.5})
    np.testing.assert_allclose(shifted["a"], 0.25, rtol=1e-5)
    assert shifted.keys() == {"a"}
    both = {"a": jnp.stack([features["a"], features["a"]])}  # a batch, and one target for all
    batch = s.style_losses(s.style_targets(both, ("a",)), {"a": targets["a"]})
    np.testing.assert_allclose(batch["a"], np.repeat(losses["a"], 2), rtol=1e-5)
    np.testing.assert_allclose(s.content_losses(both, {"a": OURS + 0.5})["a"], [0.25, 0.25], rtol=1e-5)


def test_the_books_style_loss():
    """Of two images of one size: the sum over (S - C)^2 / (4 x 3^2 x pixels^2), of Gram matrices that are sums."""
    a, b = OURS, THEIRS[:6]
    grams = [x.reshape(-1, 4).T.astype(np.float64) @ x.reshape(-1, 4) for x in (a, b)]
    expected = ((grams[0] - grams[1]) ** 2).sum() / (4 * 9 * 120**2)
    ours = s.gram(s.statistics(jnp.asarray(a)), s.statistics(jnp.asarray(b))) * s.of_the_book(4, 30, 120)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
