"""Language models: what all networks share that predict the next character or word from those before it.

There are two formulations: the token after every one of a window, hidden states carried from window to window where the
network has them (truncated back-propagation through time; Graves 2013, https://arxiv.org/abs/1308.0850), and only the
token after a window's last (Chollet & Allaire, Deep Learning with R, section 8.1).

B    windows in a batch
T    tokens in a window, the context
V    tokens in the vocabulary
L    tokens to generate
W    tokens of a padded prompt
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Batch, Fold, Params, Refused, Technique
from jaxgen.data.text.reading import uncounted
from jaxgen.data.text.vocabulary import END, UNKNOWN
from jaxgen.ops import generation, sampling
from jaxgen.optim.settings import Factory
from jaxgen.techniques.text import measures
from jaxgen.techniques.text.model import LanguageModel, no_memory


def nats(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log p(target), [...], of logits [..., V] and targets [...] int."""
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def entropy(logits: jax.Array) -> jax.Array:
    """Of softmax(logits [..., V]), bits [...]; forbidden tokens have -inf."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.where(jnp.isneginf(log_p), 0.0, jnp.exp(log_p) * log_p), axis=-1) / math.log(2.0)


def sampler(model: LanguageModel, length: int, top_k: int = 0, top_p: float = 1.0, stop: bool = True) -> Callable:
    """params, key, window [W] int, count [], temperature [] -> tokens [L] int32: ONE sequence, compiled whole.

    Args:
        model: whose `width` gives W.
        length: L.
        top_k: see `sampling.choose`.
        top_p: likewise.
        stop: at the level of words, everything after the end of a sentence is that end.
    """
    vocabulary, words = model.config.vocabulary, model.config.reading.level == "word"
    forbidden = jnp.array([word == UNKNOWN and words for word in vocabulary])
    ends = vocabulary.index(END) if stop and words and END in vocabulary else -1

    def sample(params, key, window, count, temperature):
        def choose(logits, noise):
            return sampling.choose(jnp.where(forbidden, -jnp.inf, logits), noise, temperature, top_k, top_p)

        prime = functools.partial(model.prime, params)
        feed = functools.partial(model.net.apply, {"params": params}, method="feed")
        noise = jax.random.uniform(key, (length,), jnp.float32)
        return generation.generate(prime, feed, choose, window, count, noise, model.block, ends)

    return sample


def predicted(
    model: LanguageModel, params: Params, memory: Any, batch: Batch, key: jax.Array | None = None
) -> tuple[jax.Array, jax.Array, Any]:
    """Logits [B, T or 1, V] of a batch's targets, those targets, the memory after it; with a key, as in training."""
    tokens = batch["tokens"].astype(jnp.int32)
    rngs = None if key is None else {"dropout": key}
    apply: Any = functools.partial(model.net.apply, {"params": params})
    features, memory, _ = apply(tokens[:, :-1], memory, batch["fresh"], key is not None, rngs=rngs)
    targets = tokens[:, 1:]
    if model.config.reading.predict == "last":
        features, targets = features[:, -1:], tokens[:, -1:]
    return apply(features, method="head"), targets, memory if model.config.carries else ()


def evaluation(model: LanguageModel) -> Fold:
    """Over a whole split, hidden states carried: batches are those of data/text/reading.py that count targets."""

    def start():
        zero = jnp.zeros((), jnp.int32)
        return {"nats": jnp.zeros((), jnp.float32), "tokens": zero, "characters": zero, "memory": no_memory(model)}

    def add(state, key, tally, batch, mask):
        del key
        logits, targets, memory = predicted(model, state.params, tally["memory"], batch)
        counted = (batch["counted"] & mask[:, None])[:, -targets.shape[1] :]
        widths = batch["widths"][:, -targets.shape[1] :].astype(jnp.int32) if "widths" in batch else 1
        return {
            "nats": tally["nats"] + jnp.sum(jnp.where(counted, nats(logits, targets), 0.0)),
            "tokens": tally["tokens"] + jnp.sum(counted, dtype=jnp.int32),
            "characters": tally["characters"] + jnp.sum(jnp.where(counted, widths, 0), dtype=jnp.int32),
            "memory": memory,
        }

    def finish(tally):
        mean = tally["nats"] / tally["tokens"]
        bits = tally["nats"] / tally["characters"] / math.log(2.0)
        return {measures.BITS[model.config.reading.level]: bits, "nats_per_token": mean, "perplexity": jnp.exp(mean)}

    return Fold(start, add, finish, measures.definitions(model.config))


def technique(model: LanguageModel, optimizer: Factory) -> Technique:
    """The Technique of a network that learns to predict.

    A batch is {"tokens": [B, T + 1] ints, "fresh": [B] bool}; evaluations count what "counted" [B, T] says.

    Raises Refused where the vocabulary is too small, or no token of a window would count in evaluations.
    """
    config, net = model.config, model.net
    uncounted(config.reading)
    if len(config.vocabulary) < 2:
        raise Refused(f"a language needs two tokens or more, found {len(config.vocabulary)}")
    transformation, carries = optimizer(config.learning_rate), config.carries

    def init(key):
        state_key, net_key = jax.random.split(key)
        params = net.init(net_key, jnp.zeros((1, 1), jnp.int32), method="logits")["params"]
        return begin(state_key, params, transformation, {"memory": no_memory(model)} if carries else ())

    def loss(params, carry, key, batch):
        logits, targets, memory = predicted(model, params, carry["memory"] if carries else (), batch, key)
        value = nats(logits, targets).mean()
        bits = {"bits_per_char": value / math.log(2.0)} if config.reading.level == "char" else {"nats_per_token": value}
        return value, ({"memory": memory} if carries else (), {"loss": value, **bits})

    step, streams = gradient_step(loss, transformation), ("memory",) if carries else ()
    example, inputs = functools.partial(_example, config), functools.partial(_inputs, model)
    return Technique(init, step, evaluation(model), _inferred(model), example, inputs, streams)


def _inferred(model):
    """What a trained network is asked for, each for one sequence."""

    def alone(state, tokens):
        """Logits [T, V] of one window [T], from an empty memory."""
        return model.net.apply({"params": state.params}, tokens[None].astype(jnp.int32), method="logits")[0]

    def score(state, key, tokens):
        """One window [T + 1] to -log p of each of its last T tokens, nats [T]."""
        del key
        return nats(alone(state, tokens[:-1]), tokens[1:].astype(jnp.int32))

    def sample(state, key, prompt):
        """{"window": [W], "count": [], "temperature": []} to as many tokens as the context has, [T]."""
        return sampler(model, model.config.reading.context)(state.params, key, **prompt)

    def uncertainty(state, key, text):
        """{"tokens": [T], "temperature": []} to the entropy of what comes after each of them, bits [T]."""
        del key
        return entropy(jax.vmap(sampling.reweighted, (0, None))(alone(state, text["tokens"]), text["temperature"]))

    return {"score": score, "sample": sample, "uncertainty": uncertainty}


def _example(config, key):
    """A batch of a text that repeats itself, so that something can be learnt of it."""
    context = config.reading.context
    tokens = jax.random.randint(key, (config.batch, context + 1), 0, len(config.vocabulary), jnp.int32)
    tokens = tokens[:, jnp.arange(context + 1) % 4]
    counted = jnp.broadcast_to(jnp.arange(context) >= 0, (config.batch, context))
    widths = {"widths": jnp.full(counted.shape, 5, jnp.int32)} if config.reading.level in ("word", "bpe") else {}
    return {"tokens": tokens, "fresh": jnp.ones(config.batch, bool), "counted": counted, **widths}


def _inputs(model, key):
    tokens, warm = _example(model.config, key)["tokens"][0], jnp.float32(0.7)
    window = tokens[jnp.arange(model.width(1)) % len(tokens)]
    return {
        "score": tokens,
        "sample": {"window": window, "count": jnp.int32(1), "temperature": warm},
        "uncertainty": {"tokens": tokens[1:], "temperature": warm},
    }
