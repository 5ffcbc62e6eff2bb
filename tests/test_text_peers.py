"""What PyTorch and Keras train and write in the races is what ours does. Slow, because most of it is their import."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from text_racers import given, kerass, shrink

from benchmarks.contenders import text_jax, text_keras, text_sizes
from jaxgen.techniques.text import language

pytestmark = pytest.mark.slow


@pytest.fixture
def small(monkeypatch):
    shrink(monkeypatch)


def seeded(training):
    """Config and parameters of ours."""
    config, optimizer = text_jax.setting(training)
    return config, jax.jit(language.make(config, optimizer).init)(jax.random.key(0)).params


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
    for (_, (_, before)), (memory, _) in itertools.pairwise(found[:19]):
        np.testing.assert_array_equal(memory[1], before.detach())


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
