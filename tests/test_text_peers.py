"""The language models of PyTorch and Keras that race are ours: the same losses, gradients, updates and characters."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.loops import lstm, sampling, transformer
from experiments.text import EXPERIMENT
from jaxgen.core.config import changed
from jaxgen.run.parsing import parse
from jaxgen.run.players import factories
from jaxgen.techniques.text import language

pytestmark = pytest.mark.slow

V = 7
SMALL = {
    "windows": lstm.BOOK._replace(width=4, context=6, batch=5),
    "carried": lstm.CARRIED._replace(width=4, context=6, batch=3, targets=6),
    "transformer": transformer.Sizes(width=8, context=6, batch=3),
}
STEPPERS = {"windows": lstm.of_windows, "carried": lstm.of_streams, "transformer": transformer.stepper}


@pytest.fixture
def torch():
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


def reordered(kernel):
    """Our gates [..., 4H], input, forget, output and candidate, in PyTorch's and Keras's order."""
    i, f, o, g = np.split(np.asarray(kernel), 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def of_keras(params):
    """What Keras trains, from ours."""
    layer = [reordered(params[f"layer0_{name}"]) for name in ("kernel", "recurrent", "bias")]
    return [*layer, np.array(params["output"]["kernel"]), np.array(params["output"]["bias"])]


def of_lstm(model):
    """(PyTorch's parameter, a tree like our parameters -> its counterpart) of every one of ours."""
    lstm, output = model["lstm"], model["output"]
    lstm.bias_hh_l0.data.zero_()
    return [
        (lstm.weight_ih_l0, lambda p: reordered(p["layer0_kernel"]).T),
        (lstm.weight_hh_l0, lambda p: reordered(p["layer0_recurrent"]).T),
        (lstm.bias_ih_l0, lambda p: reordered(p["layer0_bias"]).T),
        (output.weight, lambda p: p["output"]["kernel"].T),
        (output.bias, lambda p: p["output"]["bias"]),
    ]


def of_transformer(model):
    """Likewise."""
    pairs = [(getattr(model, name).weight, lambda p, name=name: p[name]) for name in ("tokens", "positions", "norm")]
    for n, block in enumerate(model.blocks):
        pairs.append((block.down.weight, lambda p, n=n: p[f"block{n}"]["down"]))  # ours lies as PyTorch's does
        for name in ("norm1", "norm2", "qkv", "mix", "up"):
            pairs.append((getattr(block, name).weight, lambda p, n=n, name=name: p[f"block{n}"][name].T))
    return pairs


def copied(torch, pairs, params):
    """The pairs, after PyTorch's parameters became ours."""
    for weight, ours in pairs:
        weight.data.copy_(torch.tensor(np.array(ours(params))))
    return pairs


def seeded(training):
    """The language model of ours, its technique and first State, with V characters."""
    parsed = parse(EXPERIMENT, [f"--{name}={value}" for name, value in SMALL[training].flags().items()])
    facts = {"vocabulary": tuple("abcdefg"), "batch": SMALL[training].batch, "reading": parsed.flags.reading}
    config = changed(parsed.config, facts)
    technique = parsed.module.make(config, *factories(parsed.flags, parsed.players, 1, 1000))
    return parsed.module.network(config), technique, jax.jit(technique.init)(jax.random.key(0))


def modelled(torch, training):
    """PyTorch's network of that training, pairs of parameters, and window [B, T + 1] -> its loss."""
    sizes = SMALL[training]
    if training == "transformer":
        model = transformer.network(sizes, V)
        return model, of_transformer(model), model
    model = lstm.network(torch, sizes, V)

    def loss(window):
        features, _ = model["lstm"](model["one_hot"](window.T[:-1]))
        logits, targets = model["output"](features)[-sizes.targets :], window.T[1:][-sizes.targets :]
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return model, of_lstm(model), loss


def batch_of(model):
    config, draw = model.config, np.random.default_rng(0)
    window = draw.integers(0, V, (config.batch, config.reading.context + 1))
    return window, {"tokens": jnp.asarray(window), "fresh": jnp.ones(config.batch, bool)}


@pytest.mark.parametrize("training", SMALL)
def test_pytorchs_network_is_ours(torch, training):
    """From the same parameters, the same loss and gradients."""
    (model, _, state), (_, pairs, their_loss) = seeded(training), modelled(torch, training)
    copied(torch, pairs, state.params)
    window, batch = batch_of(model)

    def loss(params):
        memory = model.net.start(model.config.batch) if model.config.carries else ()
        logits, targets, _ = language.predicted(model, params, memory, batch)
        return language.nats(logits, targets).mean()

    value, slopes = jax.jit(jax.value_and_grad(loss))(state.params)
    theirs = their_loss(torch.tensor(window))
    theirs.backward()
    assert float(value) == pytest.approx(theirs.item(), rel=1e-5)
    assert sum(weight.numel() for weight, _ in pairs) == sum(leaf.size for leaf in jax.tree.leaves(state.params))
    for weight, ours in pairs:
        np.testing.assert_allclose(weight.grad.numpy(), ours(slopes), atol=1e-5)


@pytest.mark.parametrize("training", SMALL)
def test_pytorchs_step_learns_a_text_that_repeats(torch, training):
    torch.manual_seed(0)
    model, text = modelled(torch, training)[0], torch.arange(1001, dtype=torch.uint8) % V
    step = STEPPERS[training](torch, model, SMALL[training], text)
    losses = [step().item() for _ in range(400)]
    assert losses[0] > 1.5
    assert min(losses) < 0.8 * losses[0]
    assert losses[-1] < losses[0] - 0.3


def test_pytorchs_hidden_states_are_carried(torch):
    """Through a text of 19 windows for each stream, then from the start again."""
    model, memories, context = modelled(torch, "carried")[0], [], SMALL["carried"].context
    model["lstm"].register_forward_hook(lambda _, inputs, outputs: memories.append((inputs[1], outputs[1])))
    text = torch.zeros(3 * (19 * context + 1), dtype=torch.uint8)
    step = lstm.of_streams(torch, model, SMALL["carried"], text)
    for _ in range(40):
        step()
    assert [n for n, (memory, _) in enumerate(memories) if memory is None] == [0, 19, 38]
    for (_, (_, before)), (memory, _) in itertools.pairwise(memories[:19]):
        np.testing.assert_array_equal(memory[1], before.detach())


def test_pytorchs_loops_write_what_ours_writes(torch):
    """As good as greedily, because their noises differ."""
    (ours, _, state), (model, pairs, _) = seeded("windows"), modelled(torch, "windows")
    draw = np.random.default_rng(0)  # wide and without biases, so that more than one character is written
    wide = lambda leaf: draw.normal(0.0, 2.0 * (leaf.ndim - 1), leaf.shape).astype(np.float32)
    params = jax.tree.map(wide, state.params)
    copied(torch, pairs, params)
    window, sample = jnp.zeros(ours.width(1), jnp.int32), jax.jit(language.sampler(ours, 12))
    expected = [sample(params, jax.random.key(0), window.at[0].set(first), 1, 0.0) for first in (2, 5)]
    assert len({*np.asarray(expected).flatten().tolist()}) > 1
    for stepper in (sampling.layer, sampling.cell):
        step = stepper(model)
        first, memory = sampling.continued(torch, step, torch.tensor([2, 5]), None, 1e-4, 5)
        second, _ = sampling.continued(torch, step, first[-1], memory, 1e-4, 7)
        np.testing.assert_array_equal(torch.cat([first, second]).numpy().T, expected)


@pytest.mark.filterwarnings("ignore")
def test_kerass_network_and_its_step_are_ours(monkeypatch):
    """From the same parameters, the same probabilities and the same parameters after an update."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip("keras")
    model, technique, state = seeded("windows")
    (window, batch), context = batch_of(model), SMALL["windows"].context
    after, _ = jax.jit(technique.step)(state, batch)
    nats = jax.vmap(technique.infer["score"], (None, None, 0))(state, None, window)[:, -1]
    with jax.numpy_rank_promotion("allow"):
        theirs = lstm.keras_network(lstm.keras_on("jax"), SMALL["windows"], V)
        table = theirs.get_weights()[0]
        np.testing.assert_array_equal(table, np.eye(V))
        theirs.set_weights([table, *of_keras(state.params)])
        probabilities = theirs.predict(window[:, :-1], verbose=0)
        longer = sampling.appended(theirs, window[:1, 1:], 2, 1.0, np.random.default_rng(0))
        assert longer.shape == (1, context + 2)
        theirs.train_on_batch(window[:, :-1], window[:, -1])
    np.testing.assert_allclose(-np.log(probabilities[np.arange(len(window)), window[:, -1]]), nats, atol=1e-5)
    for weight, expected in zip(theirs.get_weights(), [table, *of_keras(after.params)], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
