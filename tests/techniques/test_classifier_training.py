"""What each knob of a classifier's training does to the loss, to its gradient and to the update."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.optim.settings import Settings, chosen
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.vision import classifier, cnn, mlp

KEY = jax.random.key(0)
SMALL = {"shape": (6, 6, 1), "labels": ("a", "b", "c"), "hidden": "8,5", "channels": "3,4", "learning_rate": 1.0}
MODULES = {mlp.Config: mlp, cnn.Config: cnn}
RNG = np.random.default_rng(0)
BATCH = {"image": RNG.integers(0, 256, (16, 36), np.uint8), "label": RNG.integers(0, 3, 16).astype(np.int32)}


def change(network=mlp, **fields):
    return changed(network.Config(), SMALL | fields)


def make(config, optimizer):
    return MODULES[type(config)].make(config, optimizer)


def loss_of(config):
    return classifier.training_loss(MODULES[type(config)].network(config))


@functools.cache
def started(config):
    """The State of plain gradient descent at rate 1."""
    return jax.jit(make(config, sgd).init)(KEY)


@functools.cache
def forward(config):
    """Compiled: State, key, batch -> loss, (carry, logits, activations), in training."""
    loss = loss_of(config)
    return jax.jit(lambda state, key, batch: loss(state.params, state.carry, key, batch))


@functools.cache
def slope(config):
    """Compiled: State, key, batch -> loss, (carry, logits, activations), gradient."""
    loss = jax.value_and_grad(loss_of(config), has_aux=True)

    def both(state, key, batch):
        (value, rest), grads = loss(state.params, state.carry, key, batch)
        return value, rest, grads

    return jax.jit(both)


def log_softmax(logits):
    logits = np.float64(logits)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def leaves(tree):
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in
            jax.tree_util.tree_leaves_with_path(tree)}  # fmt: skip


def test_label_smoothing_by_the_formula():
    """The step reports this loss, and the share of images that are classified right."""
    config = change(label_smoothing=0.2)
    state = started(config)
    value, (_, logits, _), _ = slope(config)(state, KEY, BATCH)
    q = 0.8 * np.eye(3)[BATCH["label"]] + 0.2 / 3
    expected = -(q * log_softmax(logits)).sum(1).mean()
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert slope(change())(state, KEY, BATCH)[0] != value
    _, metrics = jax.jit(make(config, sgd).step)(state, BATCH)
    assert float(metrics["loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(metrics["accuracy"]) == np.mean(np.asarray(logits).argmax(1) == BATCH["label"])


@pytest.mark.ci
def test_penalties_and_clips_stand_around_the_optimiser():
    """Penalties on kernels alone; then all gradients are cut together. The loss that a step reports is without them."""
    config = change(cnn, channels="3", hidden="5", batch_norm=True, activation="prelu")
    around = Settings(l1=0.03, l2=0.2, clip_norm=0.05)
    state = started(config)
    value, _, grads = slope(config)(state, KEY, BATCH)
    after, metrics = jax.jit(make(config, chosen("sgd", around)).step)(state, BATCH)
    pulled = {
        name: np.float64(g) + (0.03 * np.sign(w) + 0.4 * w if name.endswith("kernel") else 0.0)
        for (name, w), g in zip(leaves(state.params).items(), leaves(grads).values(), strict=True)
    }
    kinds = {name.rsplit(".", 1)[-1] for name in pulled}
    assert kinds == {"kernel", "bias", "scale", "slope"}
    length = np.sqrt(sum(np.square(g).sum() for g in pulled.values()))
    assert length > 0.05, "nothing to clip: the test would show nothing"
    for (name, before), moved in zip(leaves(state.params).items(), leaves(after.params).values(), strict=True):
        np.testing.assert_allclose(moved, before - 0.05 / length * pulled[name], atol=1e-6, err_msg=name)
    assert float(metrics["loss"]) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("network", [mlp, cnn])
def test_prelus_slopes_are_learnt(network):
    config = change(network, activation="prelu")
    state = started(config)
    grads = slope(config)(state, KEY, BATCH)[2]
    after, _ = jax.jit(make(config, sgd).step)(state, BATCH)
    for name in ("layer1", "layer2"):
        before, pulled, moved = (tree[name]["activation"]["slope"] for tree in (state.params, grads, after.params))
        np.testing.assert_array_equal(before, np.full(before.shape, 0.25))
        assert np.mean(pulled != 0) >= 0.5  # others are above 0 for all images
        np.testing.assert_allclose(moved, before - pulled, atol=1e-6)


def differ(config, keys=(1, 2)):
    """Of each layer, the output included, whether its activations in training depend on the key."""
    state = started(changed(config, {"dropout": 0.0, "activation": "relu"}))
    one, other = (forward(config)(state, jax.random.key(key), BATCH)[1][2] for key in keys)
    return [not np.array_equal(one[name], other[name]) for name in MODULES[type(config)].network(config).layers]


@pytest.mark.ci
def test_where_units_are_dropped():
    """Before what follows a dense layer and the last convolution; not the image, not the logits."""
    assert differ(change(dropout=0.5)) == [False, True, True]
    assert differ(change(dropout=0.5, hidden="")) == [False]
    assert differ(change(dropout=0.5), (1, 1)) == [False] * 3
    assert differ(change(cnn, dropout=0.5, hidden="6")) == [False, False, True, True]
    assert differ(change(cnn, dropout=0.5, channels="3", hidden="")) == [False, True]
    assert differ(change(activation="rrelu")) == [True] * 3


SPY = change(hidden="36", activation="leaky_relu")  # whose layer, an identity, changes only what is negative
AUGMENTED = {"shift": 2.0, "rotate": 40.0, "zoom": 0.5, "flip": True, "cutout": 3}


def seen(ranges, key=KEY, batch=BATCH):
    """The images [B, 36] that the first layer receives in training; and the loss."""
    state = started(SPY)
    layer = {"linear": {"kernel": jnp.eye(36), "bias": jnp.zeros(36)}}
    state = state._replace(params=state.params | {"layer1": layer})
    value, (_, _, activations) = forward(changed(SPY, ranges))(state, key, batch)
    return np.asarray(activations["layer1"]), float(value)


@pytest.mark.ci
@pytest.mark.parametrize("name", AUGMENTED)
def test_augmentation_changes_the_images_of_training(name):
    """Each by its own draws, within [0, 1]."""
    same = BATCH | {"image": np.broadcast_to(BATCH["image"][:1], (16, 36))}
    images, _ = seen({name: AUGMENTED[name]}, batch=same)
    assert len(np.unique(images, axis=0)) > (1 if name == "flip" else 8)
    assert images.min() >= 0
    assert images.max() <= 1
    assert not np.array_equal(seen({name: AUGMENTED[name]}, jax.random.key(4), same)[0], images)


@pytest.mark.ci
def test_without_ranges_images_are_as_they_are():
    for key in (KEY, jax.random.key(4)):
        np.testing.assert_allclose(seen({}, key)[0], np.float32(BATCH["image"]) / 255, atol=1e-7)
    assert seen({})[1] == seen({}, jax.random.key(4))[1]


@pytest.mark.ci
def test_augmentation_keeps_labels():
    """Of images that are their own mirror image, flipping changes nothing, unless they change places."""
    image = BATCH["image"].reshape(16, 6, 6)
    symmetric = BATCH | {"image": np.maximum(image, image[:, :, ::-1]).reshape(16, 36)}
    assert seen({"flip": True}, batch=symmetric)[1] == seen({}, batch=symmetric)[1]
    assert seen({"flip": True})[1] != seen({})[1]
