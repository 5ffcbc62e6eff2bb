import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.ops import sampling

NONE = -np.inf
LOGITS = np.float32([0.3, 1.5, NONE, -0.7, 1.5, 0.9, -4.0, 0.9])
DRAWS = 20_000
LAST = np.nextafter(np.float32(1), np.float32(0))  # of uniform numbers on [0, 1)


def book(logits, temperature):
    """The book's `reweight_distribution`, in float64."""
    p = np.exp(np.float64(logits))
    with np.errstate(divide="ignore"):
        q = np.exp(np.log(p / p.sum()) / temperature)
    return q / q.sum()


def foremost(logits, enough, weights):
    """Logits one after the other, the largest first, of equal ones the first, until the weights are enough."""
    kept, mass = np.full(len(logits), NONE, np.float32), 0.0
    for n in np.argsort(-logits, kind="stable"):
        if mass >= enough:
            break
        kept[n], mass = logits[n], mass + weights[n]
    return kept


def with_ties(size, count, seed=0):
    """[count, size] logits of few distinct values, a fifth of them forbidden."""
    rng = np.random.default_rng(seed)
    logits = np.float32(rng.integers(-3, 4, (count, size)) / 2)
    return np.where(rng.random((count, size)) < 0.2, np.float32(NONE), logits)


def chosen(logits, noise, temperature, k=0, p=1.0):
    """A token for each number of noise."""
    return jax.jit(jax.vmap(lambda u, t: sampling.choose(logits, u, t, k, p), (0, None)))(
        np.float32(noise), temperature
    )


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0, 1.2])
def test_reweighting_is_the_books(temperature):
    found = jnp.exp(sampling.reweighted(LOGITS, temperature))
    np.testing.assert_allclose(found, book(LOGITS, temperature), rtol=2e-6)


@pytest.mark.ci
def test_coldness_has_no_end():
    cold = np.float32([0.0, 1e-42, 1e-38, 1e-30, 1e-3])
    logits = np.where(np.arange(8) == 4, np.float32(1.0), LOGITS) * 1e3
    found = jax.vmap(sampling.reweighted, (None, 0))(logits, cold)
    np.testing.assert_array_equal(jnp.exp(found), np.tile(np.arange(8) == 1, (5, 1)))


def test_top_k_keeps_exactly_k():
    logits = with_ties(11, 40)
    found = jax.jit(jax.vmap(jax.vmap(sampling.top_k, (0, None)), (None, 0)))(logits, np.arange(1, 13))
    for k, rows in enumerate(np.asarray(found), 1):
        np.testing.assert_array_equal(rows, [foremost(row, k, np.ones(11)) for row in logits])


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_nucleus_is_the_smallest_set(temperature):
    logits, masses = with_ties(300, 6), np.float32([0.01, 0.3, 0.61, 0.9, 0.99])
    every = jax.vmap(jax.vmap(sampling.nucleus, (0, None, None)), (None, 0, None))
    for p, rows in zip(masses, np.asarray(jax.jit(every)(logits, masses, temperature))):
        np.testing.assert_array_equal(rows, [foremost(row, p, book(row, temperature)) for row in logits])


CHOICES = {
    "all": (1.0, 0, 1.0),
    "colder": (0.5, 0, 1.0),
    "top_k": (1.0, 4, 1.0),
    "top_p": (0.8, 0, 0.75),
    "both": (1.2, 4, 0.75),
}


@pytest.mark.parametrize(
    ("choice", "size"), [*((choice, 8) for choice in CHOICES), pytest.param("both", 300, marks=pytest.mark.ci)]
)
def test_tokens_are_as_frequent_as_the_distribution_says(choice, size):
    temperature, k, p = CHOICES[choice]
    logits = LOGITS if size == 8 else np.tile(LOGITS, 38)[:300] + np.float32(np.arange(300) % 7)
    kept = logits if k == 0 else foremost(logits, k, np.ones(size))
    exact = book(kept if p == 1.0 else foremost(kept, p, book(kept, temperature)), temperature)
    noise = jax.random.uniform(jax.random.key(3), (DRAWS,))
    counts = np.bincount(chosen(logits, noise, temperature, k, p), minlength=size)
    assert counts[exact == 0].sum() == 0
    possible = exact > 0
    assert stats.chisquare(counts[possible], DRAWS * exact[possible]).pvalue > 0.01


@pytest.mark.parametrize(("k", "p"), [(0, 1.0), (3, 0.5)])
def test_greedy_is_the_first_of_the_most_probable_whatever_the_noise(k, p):
    np.testing.assert_array_equal(chosen(LOGITS, [0.0, 0.5, LAST, np.nan], 0.0, k, p), 1)
    np.testing.assert_array_equal(chosen(LOGITS, [0.0, 0.5, LAST], 1.0, 1), 1)


@pytest.mark.parametrize("size", [6, 1000])
def test_what_is_forbidden_is_never_chosen(size):
    """Nor what is outside of the top k: not at the ends of the distribution function either, where sums are rounded."""
    logits = np.full(size, NONE, np.float32)
    logits[[2, 4]] = 3e4, 2.9999e4
    np.testing.assert_array_equal(chosen(logits, [0.0, 0.3, LAST, 1.0], 100.0), [2, 2, 4, 4])
    flat = chosen(np.zeros(size, np.float32), [0.0, 0.3, LAST, 1.0], 1.0, 5)
    np.testing.assert_array_equal(flat, [0, 1, 4, 4])
