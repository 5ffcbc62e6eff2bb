"""Language models: the next character or word, from all before it.

LSTM (Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; writing text: Graves 2013,
https://arxiv.org/abs/1308.0850), GRU (Cho et al. 2014, https://arxiv.org/abs/1406.1078), causal dilated convolutions
(van den Oord et al. 2016, https://arxiv.org/abs/1609.03499) and the transformer (Vaswani et al. 2017,
https://arxiv.org/abs/1706.03762; Radford et al. 2019), in two formulations: the token after every one of a window, with
hidden states carried from window to window (truncated back-propagation through time), or only the one after its last
(Chollet & Allaire, Deep Learning with R, section 8.1).

B    windows in a batch
T    tokens in a window, the context
V    tokens in the vocabulary
L    tokens to generate
W    tokens of a padded prompt
"""

import dataclasses
import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Refused, Technique
from jaxgen.data.text.vocabulary import END, UNKNOWN
from jaxgen.nets.causal import CausalConv
from jaxgen.nets.recurrent import Recurrent
from jaxgen.nets.transformer import Transformer
from jaxgen.ops import generation, sampling
from jaxgen.optim.textbook import adam


@dataclasses.dataclass(frozen=True)
class Config:
    """A network over a vocabulary, and how it reads its text."""

    vocabulary: tuple[str, ...] = ()
    batch: int = 64  # windows side by side: the hidden states of as many are carried
    model: Literal["lstm", "gru", "conv", "transformer"] = knob("lstm", "the network")
    level: Literal["char", "word"] = knob("char", "what a token is")
    context: int = knob(128, "tokens in a window; a transformer and a convolution see no more", lower=1, upper=2**20)
    windows: Literal["stream", "random", "strided"] = knob(
        "stream", "read in order, hidden states carried; anywhere; or begun every --stride tokens, in a new order"
    )
    stride: int = knob(3, "of --windows=strided", lower=1, upper=2**20)
    predict: Literal["all", "last"] = knob("all", "the token after every one of a window, or after its last")
    overlap: int | None = knob(
        None,
        "first tokens of a window that do not count in evaluations, of networks that see no further (half of it)",
        lower=0,
        upper=2**20,
    )
    layers: int = knob(1, "of the network", lower=1, upper=1000)
    width: int = knob(128, "units of a layer", lower=1, upper=2**16)
    embedding: int = knob(0, "features of a token, of lstm and gru; 0: none between it and the gates", lower=0)
    heads: int = knob(4, "of a transformer's attention", lower=1, upper=1024)
    kernel: int = knob(2, "tokens that a convolution sees", lower=1, upper=64)
    cycle: int = knob(7, "layers over which a convolution's dilation doubles, before it is 1 again", lower=1, upper=20)
    dropout: float = knob(0.0, "of activations between layers", lower=0.0, upper=0.999)
    recurrent_dropout: float = knob(0.0, "of what is added to the memory of lstm and gru", lower=0.0, upper=0.999)
    layer_norm: bool = knob(False, "normalise within lstm and gru")
    learning_rate: float = knob(2e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")


def nats(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-log p(target), [...], of logits [..., V] and targets [...] int."""
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def entropy(logits: jax.Array) -> jax.Array:
    """Of softmax(logits [..., V]), bits [...]; forbidden tokens have -inf."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.where(jnp.isneginf(log_p), 0.0, jnp.exp(log_p) * log_p), axis=-1) / math.log(2.0)


def network(config: Config) -> Any:
    """The net of nets/recurrent.py, causal.py or transformer.py. Raises Refused for sizes that do not go together."""
    own = ("layers", "width", "dropout")
    given: dict[str, Any] = {name: getattr(config, name) for name in own}
    given |= {
        "vocabulary": len(config.vocabulary),
        "dtype": jnp.bfloat16 if config.precision == "bf16" else jnp.float32,
    }
    if config.model == "transformer":
        if config.width % config.heads:
            raise Refused(f"--width={config.width} cannot be divided among --heads={config.heads}")
        return Transformer(**given, heads=config.heads, context=config.context)
    if config.model == "conv":
        return CausalConv(**given, kernel=config.kernel, cycle=config.cycle)
    more = {name: getattr(config, name) for name in ("embedding", "recurrent_dropout", "layer_norm")}
    return Recurrent(**given, **more, kind=config.model)


def carries(config: Config) -> bool:
    """Whether hidden states go on from window to window."""
    return config.model in ("lstm", "gru") and config.windows == "stream"


def overlap(config: Config) -> int:
    """Tokens of a window that are context only, in evaluations that carry nothing. Raises Refused: none would count."""
    if config.predict == "last":
        return config.context - 1
    found = config.context // 2 if config.overlap is None else config.overlap
    if found >= config.context:
        raise Refused(f"--overlap={found} leaves nothing of --context={config.context} to count")
    return found


def width_of(config: Config, count: int) -> int:
    """W for prompts of up to `count` tokens: powers of two, so that few programs serve all lengths.

    A transformer's is half of its context, so that as much again can be fed before it is primed anew.
    """
    return max(1, config.context // 2) if config.model == "transformer" else max(64, 1 << (count - 1).bit_length())


def sampler(config: Config, length: int, top_k: int = 0, top_p: float = 1.0, stop: bool = True) -> Any:
    """params, key, window [W] int, count [], temperature [] -> tokens [L] int32: ONE sequence, compiled whole.

    Args:
        length: L.
        top_k: see `sampling.choose`.
        top_p: likewise.
        stop: at the level of words, everything after the end of a sentence is that end.
    """
    net, words = network(config), config.level == "word"
    forbidden = jnp.array([word == UNKNOWN and words for word in config.vocabulary])
    ends = config.vocabulary.index(END) if stop and words and END in config.vocabulary else -1

    def sample(params, key, window, count, temperature):
        apply: Any = functools.partial(net.apply, {"params": params})
        feed = functools.partial(apply, method="feed")

        def choose(logits, noise):
            return sampling.choose(jnp.where(forbidden, -jnp.inf, logits), noise, temperature, top_k, top_p)

        if config.model == "transformer":
            prime, block = functools.partial(apply, method="prime"), config.context - len(window)
        else:
            prime, block = functools.partial(generation.one_by_one, feed, net.cache()), 0
        noise = jax.random.uniform(key, (length,))
        return generation.generate(prime, feed, choose, window, count, noise, block, ends)

    return sample


def evaluation(config: Config) -> Fold:
    """Over a whole split, hidden states carried: batches are those of data/text/reading.py that count targets."""
    net, carried = network(config), carries(config)

    def start():
        zero = jnp.zeros((), jnp.int32)
        memory = net.start(config.batch) if carried else ()
        return {"nats": jnp.zeros(()), "tokens": zero, "characters": zero, "memory": memory}

    def add(state, key, tally, batch, mask):
        del key
        logits, targets, memory = judged(config, net, state.params, tally["memory"], batch)
        counted = (batch["counted"] & mask[:, None])[:, -targets.shape[1] :]
        widths = batch["widths"][:, -targets.shape[1] :].astype(jnp.int32) if "widths" in batch else 1
        return {
            "nats": tally["nats"] + jnp.sum(jnp.where(counted, nats(logits, targets), 0.0)),
            "tokens": tally["tokens"] + jnp.sum(counted),
            "characters": tally["characters"] + jnp.sum(jnp.where(counted, widths, 0)),
            "memory": memory,
        }

    def finish(tally):
        mean = tally["nats"] / tally["tokens"]
        bits = tally["nats"] / tally["characters"] / math.log(2.0)
        return {"bits_per_char": bits, "nats_per_token": mean, "perplexity": jnp.exp(mean)}

    return Fold(start, add, finish, definitions(config))


def judged(config: Config, net: Any, params: Any, memory: Any, batch: Any, key: Any = None) -> Any:
    """Logits [B, T or 1, V] of a batch's targets, those targets, the memory after it; with a key, as in training."""
    tokens = batch["tokens"].astype(jnp.int32)
    rngs = None if key is None else {"dropout": key}
    apply: Any = functools.partial(net.apply, {"params": params})
    features, memory = apply(tokens[:, :-1], memory, batch["fresh"], key is not None, rngs=rngs)
    features, targets = (features, tokens[:, 1:]) if config.predict == "all" else (features[:, -1:], tokens[:, -1:])
    return apply(features, method="head"), targets, memory if carries(config) else ()


def definitions(config: Config) -> dict[str, str]:
    """Metric -> what it measures, the objective first."""
    if carries(config):
        read = (
            f"hidden states carried through {config.batch} pieces, each after {config.context} tokens that do not count"
        )
    elif config.predict == "last":
        read = f"each token from the {config.context} before it"
    else:
        read = f"windows of {config.context} tokens, the first {overlap(config)} of all but the first do not count"
    token = "character" if config.level == "char" else "word, punctuation mark or end of a sentence"
    found = {
        "bits_per_char": f"-log2 p, over the characters of the text; {read}",
        "nats_per_token": f"-log p of a {token}; {read}",
    }
    if config.level == "char":
        return found
    found["bits_per_char"] += "; a word that is not in the vocabulary is one symbol, whose spelling is not paid for"
    return {"perplexity": f"exp of the mean -log p of a {token}; {read}", **found}


def make(config=Config(), optimizer=adam):
    """A batch is {"tokens": [B, T + 1] ints, "fresh": [B] bool}; evaluations count what "counted" [B, T] says."""
    if len(config.vocabulary) < 2:
        raise Refused(f"a language needs two tokens or more, found {len(config.vocabulary)}")
    net, carried, optimizer = network(config), carries(config), optimizer(config.learning_rate)
    overlap(config)

    def init(key):
        state_key, net_key = jax.random.split(key)
        params = net.init(net_key, jnp.zeros((1, 1), jnp.int32), method="logits")["params"]
        return begin(state_key, params, optimizer, {"memory": net.start(config.batch)} if carried else ())

    def loss(params, carry, key, batch):
        memory = carry["memory"] if carried else ()
        logits, targets, memory = judged(config, net, params, memory, batch, key)
        value = nats(logits, targets).mean()
        metrics = {"bits_per_char": value / math.log(2.0)} if config.level == "char" else {"nats_per_token": value}
        return value, ({"memory": memory} if carried else (), {"loss": value, **metrics})

    def alone(state, tokens):
        """Logits [T, V] of one window [T], from an empty memory."""
        logits: Any = net.apply({"params": state.params}, tokens[None].astype(jnp.int32), method="logits")
        return logits[0]

    def score(state, key, tokens):
        """One window [T + 1] to -log p of each of its last T tokens, nats [T]."""
        del key
        return nats(alone(state, tokens[:-1]), tokens[1:].astype(jnp.int32))

    def sample(state, key, given):
        """{"window": [W], "count": [], "temperature": []} to as many tokens as the context has, [T]."""
        draw = sampler(config, config.context)
        return draw(state.params, key, given["window"], given["count"], given["temperature"])

    def uncertainty(state, key, given):
        """{"tokens": [T], "temperature": []} to the entropy of what comes after each of them, bits [T]."""
        del key
        reweighted = jax.vmap(sampling.reweighted, (0, None))
        return entropy(reweighted(alone(state, given["tokens"]), given["temperature"]))

    def example(key):
        # A text that repeats itself, so that something can be learnt of it.
        tokens = jax.random.randint(key, (config.batch, config.context + 1), 0, len(config.vocabulary))
        tokens = tokens[:, jnp.arange(config.context + 1) % 4]
        counted = jnp.broadcast_to(jnp.arange(config.context) >= 0, (config.batch, config.context))
        widths = {"widths": jnp.full(counted.shape, 5, jnp.int32)} if config.level == "word" else {}
        return {"tokens": tokens, "fresh": jnp.ones(config.batch, bool), "counted": counted, **widths}

    def inputs(key):
        tokens, warm = example(key)["tokens"][0], jnp.float32(0.7)
        window = tokens[jnp.arange(width_of(config, 1)) % len(tokens)]
        return {
            "score": tokens,
            "sample": {"window": window, "count": jnp.int32(1), "temperature": warm},
            "uncertainty": {"tokens": tokens[1:], "temperature": warm},
        }

    infer = {"score": score, "sample": sample, "uncertainty": uncertainty}
    step, streams = gradient_step(loss, optimizer), ("memory",) if carried else ()
    return Technique(init, step, evaluation(config), infer, example, inputs, streams)


def tiny():
    """A small case of each network and formulation, for the contract tests."""
    small = Config(vocabulary=tuple("abcdef"), batch=4, context=8, width=8, learning_rate=1e-2)
    change = lambda **fields: make(dataclasses.replace(small, **fields))
    window = {"predict": "last", "windows": "strided", "layer_norm": True, "recurrent_dropout": 0.1}
    words = {"level": "word", "vocabulary": (UNKNOWN, END, "ala", "ma", "kota"), "embedding": 4}
    return {
        "language_lstm": change(layers=2, dropout=0.1),
        "language_gru": change(model="gru", **window, **words),
        "language_conv": change(model="conv", layers=2, cycle=2),
        "language_transformer": change(model="transformer", layers=1, heads=2, dropout=0.1),
    }
