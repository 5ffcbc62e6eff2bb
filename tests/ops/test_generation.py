import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import generation

V, W, LENGTH = 5, 6, 11
TABLE = np.float32(np.random.default_rng(0).normal(size=(101, V)))
NOISE = np.float32(np.random.default_rng(1).gumbel(size=(LENGTH, V)))


def feed_all(token, memory):
    """Logits that depend on every token since the beginning."""
    memory = (memory * 7 + token + 1) % 101
    return jnp.asarray(TABLE)[memory], memory


def choose(logits, noise):
    return jnp.argmax(logits + noise).astype(jnp.int32)


def generated(window, count, noise=NOISE, block=0, stop=-1):
    prime = functools.partial(generation.one_by_one, feed_all, np.int32(0))
    return generation.generate(prime, feed_all, choose, window, count, noise, block, stop)


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


def test_no_prompt_leaves_logits_of_zero_and_the_memory():
    logits, memory = generation.one_by_one(feed_all, jnp.int32(9), jnp.arange(W), jnp.int32(0))
    np.testing.assert_array_equal(logits, np.zeros(V))
    assert memory == 9
