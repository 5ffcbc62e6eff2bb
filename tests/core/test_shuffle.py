import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.shuffle import batch_indices, batches_per_epoch, ordered_indices, permuted
from jaxgen.core.types import Refused

shuffled = jax.jit(permuted, static_argnums=2)
batch = jax.jit(batch_indices, static_argnums=(2, 3))


@pytest.mark.parametrize(
    "size", [1, 2, 5, 1437, *(pytest.param(size, marks=pytest.mark.ci) for size in (3, 64, 65, 65537))]
)
def test_a_shuffle_is_a_permutation(size):
    out = np.asarray(shuffled(jax.random.key(0), jnp.arange(size), size))
    assert out.dtype == np.int32
    assert np.array_equal(np.sort(out), np.arange(size))
    if size >= 64:
        assert np.mean(out == np.arange(size)) < 0.1


@pytest.mark.parametrize("size", [2**31 - 1, pytest.param(2**31, marks=pytest.mark.ci)])
def test_the_largest_sets_are_shuffled_without_collision(size):
    index = np.unique(np.random.default_rng(0).integers(0, size, 100_000))
    index = np.concatenate([index, [size - 1]]).astype(np.uint32)
    out = np.asarray(shuffled(jax.random.key(1), jnp.asarray(index), size)).astype(np.int64)
    assert len(np.unique(out)) == len(np.unique(index))
    assert out.min() >= 0
    assert out.max() < size
    # Spread over the whole range: each eighth gets its share of about 12,500, within 8 standard deviations.
    assert np.all(np.abs(np.bincount(out * 8 // size, minlength=8) - len(out) / 8) < 850)


def test_the_last_example_of_the_largest_set_is_drawn():
    key, last = jax.random.key(4), 2**31 - 1
    place = shuffled(jax.random.fold_in(key, 0), jnp.uint32([last]), 2**31)
    np.testing.assert_array_equal(batch(key, last, 1, 2**31), place)


@pytest.mark.parametrize("size", [4, pytest.param(5, marks=pytest.mark.ci)])
def test_every_order_is_about_equally_likely(size):
    keys = jax.random.split(jax.random.key(3), 12_000)
    orders = jax.jit(jax.vmap(lambda key: permuted(key, jnp.arange(size), size)))(keys)
    found, counts = np.unique(np.asarray(orders), axis=0, return_counts=True)
    assert found.tolist() == [list(order) for order in itertools.permutations(range(size))]
    expected = len(keys) / len(found)
    excess = np.sum((counts - expected) ** 2) / expected - (len(found) - 1)  # chi-squared less its mean
    assert excess < 10 * np.sqrt(2 * (len(found) - 1))


@pytest.mark.ci
@pytest.mark.parametrize("size", [100, 60000])
def test_neighbours_are_scattered(size):
    keys = jax.random.split(jax.random.key(2), 20)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: permuted(key, jnp.arange(size), size)))(keys))
    steps = [np.corrcoef(order[:-1], order[1:])[0, 1] for order in orders]
    drift = [np.corrcoef(order, np.arange(size))[0, 1] for order in orders]
    between = [np.corrcoef(a, b)[0, 1] for a, b in itertools.pairwise(orders)]
    for correlations in (steps, drift, between):  # standard deviation 1 / sqrt(size) where order is random
        assert np.max(np.abs(correlations)) < 5 / np.sqrt(size)


def test_a_shuffle_depends_on_its_key_alone():
    one, same, other = (shuffled(jax.random.key(n), jnp.arange(500), 500) for n in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    picked = shuffled(jax.random.key(5), jnp.asarray([[499, 3], [3, 0]]), 500)
    assert np.array_equal(picked, np.asarray(one)[np.array([[499, 3], [3, 0]])])


@pytest.mark.parametrize(("batch_size", "size"), [(10, 100), (64, 1437), (7, 7)])
def test_epochs_cover_without_repeating(batch_size, size):
    per_epoch = size // batch_size
    assert batches_per_epoch(batch_size, size) == per_epoch
    epochs = [
        np.concatenate([batch(jax.random.key(1), e * per_epoch + n, batch_size, size) for n in range(per_epoch)])
        for e in range(4)
    ]
    for epoch in epochs:
        assert len(np.unique(epoch)) == len(epoch) == per_epoch * batch_size
        assert 0 <= epoch.min() <= epoch.max() < size
    assert len({tuple(epoch) for epoch in epochs}) > 1
    if size % batch_size and size > 100:  # what is dropped is not always the same
        assert len({frozenset(range(size)) - frozenset(epoch.tolist()) for epoch in epochs}) > 1


@pytest.mark.ci
def test_a_batch_number_may_be_traced_or_not_and_large():
    key = jax.random.key(7)
    last = 2**31 - 1
    assert np.array_equal(batch(key, last, 8, 50), batch(key, jnp.int32(last), 8, 50))
    assert np.array_equal(batch(key, last, 8, 50), batch_indices(key, last, 8, 50))
    assert not np.array_equal(batch(key, last, 8, 50), batch(key, last - 1, 8, 50))


@pytest.mark.ci
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: batch_indices(jax.random.key(0), 0, 11, 10), "batch of 11 is larger .* 10 examples"),
        (lambda: batch_indices(jax.random.key(0), 0, 1, 0), "batch of 1 is larger .* 0 examples"),
        (lambda: batch_indices(jax.random.key(0), 0, 0, 10), "at least one example; found a batch size of 0"),
        (lambda: permuted(jax.random.key(0), jnp.arange(3), 2**31 + 1), "found 2147483649"),
        (lambda: permuted(jax.random.key(0), jnp.arange(3), 0), "found 0"),
    ],
)
def test_impossible_sizes_are_refused(call, says):
    with pytest.raises(Refused, match=says):
        call()


def test_batches_in_order_begin_again_before_one_that_is_not_full():
    batches = [np.asarray(ordered_indices(n, 3, 8)).tolist() for n in range(4)]
    assert batches == [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]
    with pytest.raises(Refused, match="larger than the set"):
        ordered_indices(0, 9, 8)
