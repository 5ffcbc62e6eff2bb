import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import generation

V, W, LENGTH, SEEN = 5, 6, 11, 4
TABLE = np.float32(np.random.default_rng(0).normal(size=(101, V)))
NOISE = np.float32(np.random.default_rng(1).gumbel(size=(LENGTH, V)))


def feed_all(token, memory):
    """Logits that depend on every token since the beginning."""
    memory = (memory * 7 + token + 1) % 101
    return jnp.asarray(TABLE)[memory], memory


def feed_last(token, memory):
    """Logits that depend on the last SEEN tokens."""
    memory = jnp.append(memory[1:], token)
    return feed_all(0, jnp.sum(memory * 3 ** jnp.arange(SEEN)))[0], memory


NETS = {"all": (feed_all, np.int32(0)), "last": (feed_last, np.zeros(SEEN, np.int32))}


def choose(logits, noise):
    return jnp.argmax(logits + noise).astype(jnp.int32)


def generated(window, count, noise=NOISE, net="all", block=0, stop=-1):
    feed, memory = NETS[net]
    prime = functools.partial(generation.one_by_one, feed, memory)
    return generation.generate(prime, feed, choose, window, count, noise, block, stop)


def looped(prompt, block=LENGTH, stop=-1):
    """The same with `feed_all` in Python."""
    text, found = list(prompt), []
    for n in range(LENGTH):
        if n % block == 0:
            memory = 0
            for token in text[-W:]:
                memory = (memory * 7 + token + 1) % 101
        logits = TABLE[memory] if text else np.zeros(V)
        token = stop if stop in found else int(np.argmax(logits + NOISE[n]))
        memory = (memory * 7 + token + 1) % 101
        text, found = [*text, token], [*found, token]
    return found


PROMPTS = [[3], [1, 2, 3, 4], [0, 1, 2, 3, 4, 0], [4, 3, 2, 1, 0, 1, 2, 3, 4, 1]]


@pytest.mark.parametrize("block", [0, 1, 4, LENGTH, 100])
def test_a_sequence_is_that_of_a_loop_in_python(block):
    sample = jax.jit(functools.partial(generated, block=block))
    for prompt in PROMPTS:
        np.testing.assert_array_equal(sample(*generation.padded(prompt, W)), looped(prompt, block or LENGTH))


def test_prompts_of_every_length_run_one_program():
    traces = []

    def sample(window, count):
        traces.append(1)
        return generated(window, count, block=4)

    sample = jax.jit(sample)
    for prompt in PROMPTS:
        sample(*generation.padded(np.array(prompt, np.uint8), W))
    assert len(traces) == 1


def test_long_prompts_keep_their_last_tokens():
    window, count = generation.padded(np.arange(9), 4)
    assert (window.tolist(), count, window.dtype, count.dtype) == ([5, 6, 7, 8], 4, np.int32, np.int32)
    window, count = generation.padded(np.array([7, 8], np.uint8), 4)
    assert (window.tolist(), count) == ([7, 8, 0, 0], 2)
    window, count = generation.padded([], 4)
    assert (window.tolist(), count) == ([0, 0, 0, 0], 0)


def test_what_stands_behind_the_prompt_does_not_count():
    sample = jax.jit(functools.partial(generated, block=3))
    window = np.int32([1, 2, 3, 0, 0, 0])
    np.testing.assert_array_equal(sample(window, 3), sample(window + np.int32([0, 0, 0, 4, 3, 2]), 3))


def test_blocks_change_nothing_of_a_net_that_sees_no_further_than_the_window():
    whole, blocks = (jax.jit(functools.partial(generated, net="last", block=block)) for block in (0, 4))
    for prompt in PROMPTS:
        window, count = generation.padded(prompt, W)
        np.testing.assert_array_equal(whole(window, count), blocks(window, count))


@pytest.mark.parametrize("block", [0, 4])
def test_after_the_stop_there_is_nothing_else(block):
    prompt = PROMPTS[1]
    free = looped(prompt, block or LENGTH)
    window, count = generation.padded(prompt, W)
    sample = jax.jit(lambda stop: generated(window, count, block=block, stop=stop))
    np.testing.assert_array_equal(sample(free[3]), looped(prompt, block or LENGTH, free[3]))
    assert looped(prompt, block or LENGTH, free[3]) != free
    for absent in (-1, V):
        np.testing.assert_array_equal(sample(absent), free)


def test_streams_beside_each_other_are_those_alone():
    prompts = [generation.padded(prompt, W) for prompt in PROMPTS]
    windows, counts = (np.stack(parts) for parts in zip(*prompts))
    noise = np.stack([NOISE] * len(prompts))
    found = jax.jit(jax.vmap(functools.partial(generated, block=4)))(windows, counts, noise)
    np.testing.assert_array_equal(found, [looped(prompt, 4) for prompt in PROMPTS])


def test_no_prompt_leaves_logits_of_zero_and_the_memory():
    logits, memory = generation.one_by_one(feed_all, jnp.int32(9), jnp.arange(W), jnp.int32(0))
    np.testing.assert_array_equal(logits, np.zeros(V))
    assert memory == 9


def test_noise_may_be_keys():
    keys = jax.random.split(jax.random.key(0), LENGTH)
    given = lambda key: (jax.random.key_data(key)[0] >> jnp.arange(V, dtype=jnp.uint32)) % 4
    draw = lambda logits, key: choose(logits, given(key))
    prime = functools.partial(generation.one_by_one, feed_all, np.int32(0))
    window, count = generation.padded(PROMPTS[0], W)
    found = jax.jit(lambda keys: generation.generate(prime, feed_all, draw, window, count, keys, 4))(keys)
    expected = jax.jit(functools.partial(generated, window, count, block=4))(jax.vmap(given)(keys))
    np.testing.assert_array_equal(found, expected)
