"""The language models that race are one network each, learn, and answer with what they did."""

import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import text
from benchmarks.contenders import text_jax, text_keras, text_sampling_jax, text_sizes
from experiments.text import COMMAND
from jaxgen import cli
from jaxgen.techniques.text import language

SMALL = {
    "windows": text_sizes.Sizes(7, 5, 6, 4),
    "carried": text_sizes.Sizes(7, 3, 6, 4),
    "transformer": text_sizes.Sizes(7, 3, 6, 8),
}


@pytest.fixture
def small(monkeypatch):
    """The contenders, with networks of a few units."""
    for training, sizes in SMALL.items():
        monkeypatch.setitem(text_sizes.SIZES, training, sizes)
        given = {"context": sizes.context, "width": sizes.width, "batch_size": sizes.batch}
        monkeypatch.setitem(text_jax.FLAGS, training, text_jax.FLAGS[training] | given)


@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_ours_has_the_sizes_that_all_are_told(training):
    config, _ = text_jax.setting(training)
    found = (len(config.vocabulary), config.batch, config.context, config.width)
    assert found == text_sizes.SIZES[training]
    assert (config.predict, config.windows) == {
        "windows": ("last", "strided"),
        "carried": ("all", "stream"),
        "transformer": ("all", "random"),
    }[training]
    if training == "transformer":
        assert (config.layers, config.heads) == (text_sizes.LAYERS, text_sizes.HEADS)
    else:
        assert (config.model, config.layers, config.embedding) == ("lstm", 1, 0)


@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_the_work_is_what_is_counted(training, small, monkeypatch):
    """A window of the book's has one target, the others as many as they have tokens."""
    told, steps = [], []

    def chunk(step, take, state, arrays, rows, length, key):
        batch = jax.eval_shape(take, arrays, key, jnp.int32(0))
        steps.append((length, batch["tokens"].shape))
        return state, {}, True

    monkeypatch.setattr(text_jax.loop, "chunk", chunk)
    monkeypatch.setattr(text_jax.jax, "jit", lambda f: lambda key: jax.eval_shape(f, key))
    monkeypatch.setattr(text_jax, "serve", lambda work, amount: told.append((work(), amount)[1]))
    text_jax.main(training)
    (length, (batch, tokens)), targets = steps[0], 1 if training == "windows" else SMALL[training].context
    assert (batch, tokens) == (SMALL[training].batch, SMALL[training].context + 1)
    assert told == [length * batch * targets]


def test_what_is_written_is_counted_and_is_new_each_time(small, monkeypatch):
    told, streams = [], 3
    monkeypatch.setattr(text_sampling_jax, "LENGTH", 20)
    monkeypatch.setattr(text_sampling_jax, "serve", lambda *given: told.append(given))
    text_sampling_jax.main(streams)
    ((work, amount),) = told
    first, second = work(), work()
    assert first.size == amount == 20 * streams
    assert (first != second).any()
    assert (first[0] != first[1]).any()


def test_kerass_windows_and_draws():
    tokens = np.arange(50, dtype=np.uint8)
    x, y = text_keras.examples(tokens, 4, 3)
    assert x.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert y.tolist() == [4, 7, 10]
    draw, p = np.random.default_rng(0), np.float32([0.1, 0.2, 0.7])
    found = np.bincount([text_keras.drawn(p, 0.5, draw) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(found, p**2 / np.sum(p**2), atol=0.03)


ONE, MANY = ["compiled whole", "PyTorch", "PyTorch, LSTMCell"], ["fused", "fused, 2 host devices"]
CONTENDERS = {
    text.windows: [[*MANY, "PyTorch", "Keras on JAX", "Keras on PyTorch"]],
    text.carried: [[*MANY, "PyTorch"]],
    text.sampling: [[*ONE, "Keras on JAX", "Keras on PyTorch"], ONE],
    text.transformer: [[*MANY, "PyTorch", "PyTorch, torch.compile"]],
}


@pytest.mark.parametrize("installed", [{"torch", "keras", "jax"}, {"torch", "jax"}, {"keras", "jax"}, {"jax"}])
@pytest.mark.parametrize("measure", CONTENDERS)
def test_a_race_is_a_row_for_each_contender(measure, installed, monkeypatch):
    monkeypatch.setattr(text, "have", lambda package: package in installed)
    monkeypatch.setattr(text, "race", lambda contenders, rounds, seconds: {name: speeds(name) for name in contenders})

    def speeds(name):
        return {"PyTorch": [1.0, 4.5, 4.0], "Keras on JAX": [1.0, 1.0, 2.0]}.get(name, [3.0, 9.0, 6.0])

    def runs(name):
        needs = {"torch"} if "PyTorch" in name else set()
        return needs | ({"keras"} if "Keras" in name else set()) <= installed

    rows, expected = measure(3), [[name for name in names if runs(name)] for names in CONTENDERS[measure]]
    assert [row["contender"] for row in rows] == [name for names in expected for name in names]
    assert len({tuple(row) for row in rows}) == 1  # a table
    assert [value for name, value in rows[0].items() if name.endswith("_per_second")] == [6.0]
    assert rows[0].get("against_pytorch") == (2.0 if "torch" in installed else None)
    if measure == text.sampling:
        assert [row["streams"] for row in rows] == [1] * len(expected[0]) + [64] * len(expected[1])
        assert rows[0].get("against_keras") == (3.0 if "keras" in installed else None)
        assert rows[-1].get("against_keras") is None


def test_the_first_process_trains_and_the_rest_are_timed(monkeypatch):
    commands = []

    def ran(command, check, env, **silent):
        assert command[1:3] == ["-m", "experiments.text"]
        assert not any(name.startswith("XLA_") for name in env)
        commands.append([each for each in command[3:] if "prompt" not in each])
        cli.parse(COMMAND, commands[-1])

    monkeypatch.setattr(subprocess, "run", ran)
    monkeypatch.setattr(text.time, "perf_counter", iter([0, 50, 50, 60, 60, 61, 61, 64, 64, 66]).__next__)
    (row,) = text.start(3)
    assert (row["seconds"], row["blocks"]) == (2, [1, 3, 2])
    assert ["--sample_only" in command for command in commands] == [False, *[True] * 4]
    assert all("--length=400" in command for command in commands[1:])


def test_a_race_is_told_by_its_own_words_where_a_module_has_several():
    assert "LSTM-512" in benchmarks.heading(benchmarks.RACES["text_carried"])
    assert "The VAE" in benchmarks.heading(benchmarks.RACES["vae"])
    assert benchmarks.heading(lambda rounds: []) == ""


def seeded(training):
    """Config and parameters of ours."""
    config, optimizer = text_jax.setting(training)
    return config, jax.jit(language.make(config, optimizer).init)(jax.random.key(0)).params


def reordered(kernel):
    """Our gates [..., 4H], input, forget, output and candidate, in PyTorch's and Keras's order."""
    i, f, o, g = np.split(np.asarray(kernel), 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def kerass(params):
    """What Keras trains, from ours."""
    layer = [reordered(params[f"layer0_{name}"]) for name in ("kernel", "recurrent", "bias")]
    return [*layer, np.array(params["output"]["kernel"]), np.array(params["output"]["bias"])]


def moved(torch, model, params):
    """(PyTorch's parameter, ours or its gradient as PyTorch has it, from a tree like ours) of every one of ours."""
    if hasattr(model, "lstm"):
        model.lstm.bias_hh_l0.data.zero_()
        return [
            (model.lstm.weight_ih_l0, lambda p: reordered(p["layer0_kernel"]).T),
            (model.lstm.weight_hh_l0, lambda p: reordered(p["layer0_recurrent"]).T),
            (model.lstm.bias_ih_l0, lambda p: reordered(p["layer0_bias"]).T),
            (model.output.weight, lambda p: p["output"]["kernel"].T),
            (model.output.bias, lambda p: p["output"]["bias"]),
        ]
    found = [
        (model.tokens.weight, lambda p: p["tokens"]),
        (model.positions.weight, lambda p: p["positions"]),
        (model.norm.weight, lambda p: p["norm"]),
    ]
    for n, block in enumerate(model.blocks):
        for name in ("norm1", "norm2", "qkv", "mix", "up", "down"):
            found.append((getattr(block, name).weight, lambda p, n=n, name=name: p[f"block{n}"][name].T))
    return found


def given(torch, model, params):
    """The pairs of `moved`, after PyTorch's parameters are ours."""
    pairs = moved(torch, model, params)
    for weight, ours in pairs:
        weight.data.copy_(torch.tensor(np.array(ours(params))))
    return pairs


def modelled(training):
    """PyTorch's network of that training, and window [B, T + 1] -> its loss."""
    functional = pytest.importorskip("torch").nn.functional
    from benchmarks.contenders import text_gpt_torch, text_torch

    sizes = text_sizes.SIZES[training]
    if training == "transformer":
        model = text_gpt_torch.GPT(sizes)
        return model, lambda window: model(window[:, :-1], window[:, 1:])
    model = text_torch.Recurrent(sizes.vocabulary, sizes.width)

    def loss(window):
        logits, targets = model.output(model(window.T[:-1])[0]), window.T[1:]
        if training == "windows":
            logits, targets = logits[-1:], targets[-1:]
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return model, loss


@pytest.mark.slow  # most of it is the import
@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_pytorchs_network_is_ours(training, small):
    """From the same parameters, the same loss and gradients."""
    torch = pytest.importorskip("torch")
    (config, params), (model, their_loss) = seeded(training), modelled(training)
    pairs = given(torch, model, params)
    window = np.random.default_rng(0).integers(0, 7, (config.batch, config.context + 1))
    batch, net = {"tokens": jnp.asarray(window), "fresh": jnp.ones(config.batch, bool)}, language.network(config)

    def loss(params):
        memory = net.start(config.batch) if language.carries(config) else ()
        logits, targets, _ = language.judged(config, net, params, memory, batch)
        return language.nats(logits, targets).mean()

    value, slopes = jax.jit(jax.value_and_grad(loss))(params)
    theirs = their_loss(torch.tensor(window))
    theirs.backward()
    assert float(value) == pytest.approx(theirs.item(), rel=1e-5)
    assert sum(weight.numel() for weight, _ in pairs) == sum(leaf.size for leaf in jax.tree.leaves(params))
    for weight, ours in pairs:
        np.testing.assert_allclose(weight.grad.numpy(), ours(slopes), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_pytorchs_step_learns_a_text_that_repeats(training, small):
    torch = pytest.importorskip("torch")
    from benchmarks.contenders import text_gpt_torch, text_torch

    torch.manual_seed(0)
    sizes, (model, _) = text_sizes.SIZES[training], modelled(training)
    step = (text_torch.TRAININGS | {"transformer": text_gpt_torch.training})[training](model, sizes)
    losses = [step(torch.arange(1001, dtype=torch.uint8) % sizes.vocabulary).item() for _ in range(400)]
    assert losses[0] > 1.5
    assert min(losses) < 0.8 * losses[0]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.slow
def test_pytorchs_hidden_states_are_carried(small):
    """Through a text of 19 windows for each stream, then from the start again."""
    torch = pytest.importorskip("torch")
    from benchmarks.contenders import text_torch

    sizes, (model, _), found = text_sizes.SIZES["carried"], modelled("carried"), []
    model.lstm.register_forward_hook(lambda _, given, result: found.append((given[1], result[1])))
    step = text_torch.carried(model, sizes)
    for _ in range(40):
        step(torch.zeros(3 * (19 * sizes.context + 1), dtype=torch.uint8))
    assert [n for n, (memory, _) in enumerate(found) if memory is None] == [0, 19, 38]
    for (_, (_, before)), (memory, _) in zip(found[:18], found[1:]):
        np.testing.assert_array_equal(memory[1], before.detach())


@pytest.mark.slow
def test_pytorchs_loops_write_what_ours_writes(small):
    """As good as greedily, because their noises differ."""
    torch = pytest.importorskip("torch")
    from benchmarks.contenders import text_sampling_torch

    (config, params), (model, _) = seeded("windows"), modelled("windows")
    draw = np.random.default_rng(0)  # wide and without biases, so that more than one character is written
    params = jax.tree.map(lambda leaf: draw.normal(0.0, 2.0 * (leaf.ndim - 1), leaf.shape).astype(np.float32), params)
    given(torch, model, params)
    window = jnp.zeros(language.width_of(config, 1), jnp.int32)
    ours = jax.jit(language.sampler(config, 12))
    expected = [ours(params, jax.random.key(0), window.at[0].set(first), 1, 0.0) for first in (2, 5)]
    assert len({*np.asarray(expected).flatten().tolist()}) > 1
    for cell in (False, True):
        step = text_sampling_torch.stepper(model, cell)
        first, memory = text_sampling_torch.write(step, torch.tensor([2, 5]), None, 1e-4, 5)
        second, _ = text_sampling_torch.write(step, first[-1], memory, 1e-4, 7)
        np.testing.assert_array_equal(torch.cat([first, second]).numpy().T, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_kerass_network_and_its_step_are_ours(small, monkeypatch):
    """From the same parameters, the same probabilities and the same parameters after an update."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    config, optimizer = text_jax.setting("windows")
    technique = language.make(config, optimizer)
    state = jax.jit(technique.init)(jax.random.key(0))
    window = np.random.default_rng(0).integers(0, 7, (config.batch, config.context + 1))
    batch = {"tokens": jnp.asarray(window), "fresh": jnp.ones(config.batch, bool)}
    after, _ = jax.jit(technique.step)(state, batch)
    nats = jax.vmap(technique.infer["score"], (None, None, 0))(state, None, window)[:, -1]
    with jax.numpy_rank_promotion("allow"):
        model = text_keras.network(keras, text_sizes.SIZES["windows"])
        table = model.get_weights()[0]
        np.testing.assert_array_equal(table, np.eye(7))
        model.set_weights([table, *kerass(state.params)])
        found = model.predict(window[:, :-1], verbose=0)
        assert text_keras.written(model, window[:1, 1:], 2, 1.0, np.random.default_rng(0)).shape == (1, config.context)
        model.train_on_batch(window[:, :-1], window[:, -1])
    np.testing.assert_allclose(-np.log(found[np.arange(config.batch), window[:, -1]]), nats, atol=1e-5)
    for theirs, ours in zip(model.get_weights(), [table, *kerass(after.params)], strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
