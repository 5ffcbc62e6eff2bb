"""Losses of two players by hand, at real logits (2, -1) and fake logits (-1, 3), and against their plain formulas.

softplus(-3) = 0.0485874, softplus(-2) = 0.1269280, softplus(-1) = 0.3132617, softplus(1) = 1.3132617, softplus(3) =
3.0485874.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.ops.games import LOSSES, accepts, noisy_targets, smooth_targets

REAL, FAKE = jnp.array([2.0, -1.0]), jnp.array([-1.0, 3.0])
VALUES = {  # the critic's loss, the generator's
    "minimax": (
        1.2005096,
        -0.8404623,
    ),  # (0.1269280 + 1.3132617 + 0.3132617 + 3.0485874) / 4, -(0.3132617 + 3.0485874) / 4
    "non_saturating": (1.2005096, 0.3404623),  # the same, (1.3132617 + 0.0485874) / 4
    "least_squares": (3.75, 2.0),  # (1 + 4 + 1 + 9) / 4, (4 + 4) / 4
    "hinge": (3.0, -1.0),  # (0 + 2 + 0 + 4) / 2, -(-1 + 3) / 2
    "wasserstein": (0.5, -1.0),  # (-1 + 3) / 2 - (2 - 1) / 2, -(-1 + 3) / 2
    "book": (1.2005096, 0.6809245),  # as minimax, (1.3132617 + 0.0485874) / 2
}
log_d = lambda logits: jnp.log(jax.nn.sigmoid(logits))
cross = lambda real, fake: -0.5 * log_d(real).mean() - 0.5 * jnp.log(1 - jax.nn.sigmoid(fake)).mean()
PLAIN = {
    "minimax": (cross, lambda fake: 0.5 * jnp.log(1 - jax.nn.sigmoid(fake)).mean()),
    "non_saturating": (cross, lambda fake: -0.5 * log_d(fake).mean()),
    "least_squares": (
        lambda r, f: (jnp.square(r - 1).mean() + jnp.square(f).mean()) / 2,
        lambda f: ((f - 1) @ (f - 1)) / 4,
    ),
    "hinge": (lambda r, f: jnp.maximum(0, 1 - r).mean() + jnp.maximum(0, 1 + f).mean(), lambda f: -f.mean()),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
    "book": (cross, lambda fake: -log_d(fake).mean()),
}


def test_values_by_hand_and_gradients_of_the_plain_formulas():
    real, fake = REAL + 0.1, FAKE + 0.1  # away from the hinge's corners

    def all_of(pairs):
        gradients = {name: (jax.grad(c, (0, 1))(real, fake), jax.grad(g)(fake)) for name, (c, g) in pairs.items()}
        return {name: (c(REAL, FAKE), g(FAKE)) for name, (c, g) in pairs.items()}, gradients

    ours = {name: game[:2] for name, game in LOSSES.items()}
    (values, found), (_, expected) = jax.jit(lambda: (all_of(ours), all_of(PLAIN)))()
    assert {*values} == {*VALUES}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), values, VALUES)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)


def test_the_books_loss_stays_finite_with_targets_below_0_and_stops_where_keras_clips():
    """In the book's words: p(generated) is 0.1192029 and 0.0474259, the labels 0.03 and 1.04."""
    slopes = jax.jit(jax.value_and_grad(LOSSES["book"].critic, (0, 1)))
    one = lambda logit, target: slopes(*map(jnp.array, ([logit[0]], [logit[1]], [target[0]], [target[1]])))
    value, _ = one((2.0, 3.0), (0.97, -0.04))
    # real: -0.03 log 0.1192029 - 0.97 log 0.8807971; fake: -1.04 log 0.0474259 + 0.04 log 0.9525741
    assert value == pytest.approx((0.1869280 + 3.1685874) / 2, rel=1e-6)
    # At the clip log(1e-7) is -16.1180957: (0.03 * 16.1180957 - 0.04 * 16.1180957) / 2 with both players sure.
    value, gradient = one((90.0, -90.0), (0.97, -0.04))
    assert value == pytest.approx(-0.0805905, rel=1e-5)
    assert gradient == (0.0, 0.0)
    value, gradient = one((-90.0, 90.0), (0.97, -0.04))  # and (0.97 * 16.1180957 + 1.04 * 16.1180957) / 2
    assert value == pytest.approx(16.1986861, rel=1e-6)
    assert gradient == (0.0, 0.0)
    value, gradient = jax.value_and_grad(LOSSES["book"].generator)(jnp.array([-90.0]))
    assert (value, gradient) == (pytest.approx(16.1180957, rel=1e-6), 0.0)


def test_which_targets_a_loss_accepts():
    """The book's noise 0.05 U, smoothing of real targets by 0.1, and none."""
    real, fake = noisy_targets(jax.random.key(0), 2000, 0.05)
    noises = [(1.0 - np.asarray(real)) / 0.05, -np.asarray(fake) / 0.05]
    assert all(stats.kstest(noise, stats.uniform.cdf).pvalue > 1e-3 for noise in noises)
    assert abs(np.corrcoef(noises)[0, 1]) < 0.1
    noisy = {name for name, game in LOSSES.items() if accepts(game, float(fake.min()), float(real.max()))}
    smooth = {name for name, game in LOSSES.items() if accepts(game, 0.0, smooth_targets(0.1)[0])}
    assert (noisy, smooth) == ({"least_squares", "book"}, {"minimax", "non_saturating", "least_squares", "book"})
    for name in {*LOSSES} - smooth:
        with pytest.raises(ValueError, match="no targets"):
            LOSSES[name].critic(REAL, FAKE, *smooth_targets(0.1))
    # Real target 0.9: (0.9 * 0.1269280 + 0.1 * 2.1269280 + 0.9 * 1.3132617 + 0.1 * 0.3132617) / 4 + 3.3618491 / 4
    found = LOSSES["minimax"].critic(REAL, FAKE, *smooth_targets(0.1))
    assert found == pytest.approx((0.3269280 + 1.2132617 + 3.3618491) / 4, rel=1e-6)
