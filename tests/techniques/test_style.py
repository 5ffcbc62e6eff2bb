"""Style transfer's loss against numpy, its tiles and regions against none, its updates and what is shown."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.described import network_of
from jaxgen.ops.variation import total_variation
from jaxgen.optim.lbfgs import lbfgs
from jaxgen.optim.textbook import adam
from jaxgen.techniques.imagery import style, style_objective
from jaxgen.techniques.imagery.feature_tiles import Tile, cuts

NETWORK = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
SMALL = style.Config((12, 10, 3), NETWORK, content_layers="layer2:3", style_layers="layer1:0.5,layer2", variation=0.1)


def image(shape, seed=3):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=shape).astype(np.float32))


def losses(config, batch, x):
    """(loss, metrics), gradient."""
    objective = lambda batch, x: style_objective.losses(config, batch, x)
    return jax.jit(jax.value_and_grad(objective, 1, has_aux=True))(batch, x)


def example(config):
    return jax.jit(style.make(config).example)(jax.random.key(1))


@pytest.fixture(scope="module")
def batch():
    return example(SMALL)


def test_the_loss_is_that_of_numpy(batch):
    x = image(SMALL.shape)
    apply = jax.jit(lambda variables, x: network_of(NETWORK).apply(variables, x[None], ("layer1", "layer2")))
    features = apply(batch["network"], x)
    features = {name: np.asarray(a[0], np.float64) for name, a in features.items()}
    content = ((features["layer2"] - batch["content"]["layer2"]) ** 2).mean()
    styles = {}
    for name, a in features.items():
        flat = a.reshape(-1, a.shape[-1])
        target = np.asarray(batch["style"][name].second[0])
        styles[name] = ((flat.T @ flat / len(flat) - target) ** 2).sum() / (4 * a.shape[-1] ** 2), target
    variation = float(jax.jit(total_variation)(x))
    for normalisation in ("means", "relative", "book"):
        (value, metrics), _ = losses(dataclasses.replace(SMALL, normalisation=normalisation), batch, x)
        c, tv, s = content, variation / 360, {name: each for name, (each, _) in styles.items()}
        if normalisation == "relative":
            c /= (np.asarray(batch["content"]["layer2"]) ** 2).mean()
            s = {n: each / ((t**2).sum() / (4 * len(t) ** 2)) for n, (each, t) in styles.items()}
        if normalisation == "book":
            c, tv = c * features["layer2"].size, 255**2.5 * variation
            s = {n: s[n] * (a.size / 360) ** 2 for n, a in features.items()}
        expected = 3 * c + 0.5 * s["layer1"] + s["layer2"] + 0.1 * tv
        np.testing.assert_allclose(value, expected, rtol=1e-4, err_msg=normalisation)
        np.testing.assert_allclose(metrics["style_layer1"], s["layer1"], rtol=1e-4)


@pytest.mark.parametrize("distance", ["gram", pytest.param("wasserstein", marks=pytest.mark.ci)])
def test_tiles_are_as_no_tiles(distance):
    """Everywhere, borders included, of sides that are no multiples of what a tile keeps."""
    whole = dataclasses.replace(SMALL, shape=(75, 61, 3), distance=distance)
    data, x = example(whole), image(whole.shape)
    (value, metrics), gradient = losses(whole, data, x)
    (tiled, by_name), slope = losses(dataclasses.replace(whole, tile=42), data, x)
    np.testing.assert_allclose(tiled, value, rtol=1e-4)
    for name, each in metrics.items():
        np.testing.assert_allclose(by_name[name], each, rtol=1e-4, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(slope, gradient, atol=2e-3 * np.abs(gradient).max())


def test_a_mask_of_ones_is_no_mask_and_regions_have_their_own_style(batch):
    x, both = image(SMALL.shape), dataclasses.replace(SMALL, shares=(0.3, 0.7), masked=True)
    twice = jax.tree.map(lambda leaf: np.concatenate([leaf, leaf]), batch["style"])
    sizes = {"layer1": (12, 10), "layer2": (6, 5)}
    ones = {name: np.ones((2, *size), np.float32) for name, size in sizes.items()}
    (plain, _), slope = losses(SMALL, batch, x)
    (masked, _), other = losses(both, {**batch, "style": twice, "regions": ones}, x)
    np.testing.assert_allclose(masked, plain, rtol=1e-5)
    np.testing.assert_allclose(other, slope, atol=1e-5 * np.abs(slope).max())
    upper = {name: np.where(np.arange(one.shape[1])[:, None] < one.shape[1] // 2, one, 0) for name, one in ones.items()}
    only = dataclasses.replace(both, content_layers="layer1:0", style_layers="layer1", variation=0.0)
    data = {
        **batch,
        "style": {"layer1": twice["layer1"]},
        "regions": upper,
        "content": {"layer1": np.zeros((12, 10, 3), np.float32)},
    }
    _, half = losses(only, data, x)
    assert np.abs(half[:6]).max() > 0
    np.testing.assert_array_equal(half[7:], 0.0)  # beyond what the first layer sees


def test_several_styles_count_by_their_shares(batch):
    x, twice = image(SMALL.shape), dataclasses.replace(SMALL, shares=(0.25, 0.75), normalisation="means")
    data = example(twice)
    single = lambda n: {**data, "style": jax.tree.map(lambda leaf: np.asarray(leaf)[n : n + 1], data["style"])}
    apart = [losses(dataclasses.replace(twice, shares=(1.0,)), single(n), x)[0][1]["style"] for n in (0, 1)]
    together = losses(twice, data, x)[0][1]["style"]
    np.testing.assert_allclose(together, 0.25 * apart[0] + 0.75 * apart[1], rtol=1e-5)


def test_an_update_is_one_evaluation_and_the_best_image_is_shown(batch, monkeypatch):
    evaluations, original = [], style_objective.losses

    def counted(config, batch, x):
        jax.debug.callback(lambda: evaluations.append(1))
        return original(config, batch, x)

    monkeypatch.setattr(style, "losses", counted)
    technique = style.make(SMALL, lbfgs)
    run = jax.jit(lambda state: jax.lax.scan(lambda s, _: technique.step(s, batch), state, length=12))
    state = jax.jit(lambda x: style.begun(SMALL, lbfgs, jax.random.key(0), x))(image(SMALL.shape))
    after, metrics = jax.block_until_ready(run(state))
    jax.effects_barrier()
    assert len(evaluations) == 12
    shown = losses(SMALL, batch, after.carry["shown"])[0][0]
    np.testing.assert_allclose(shown, metrics["loss"].min(), rtol=1e-5)
    assert float(shown) < 0.5 * float(metrics["loss"][0])


@pytest.mark.ci
def test_an_average_of_images(batch):
    config = dataclasses.replace(SMALL, average=0.5)
    technique, x = style.make(config, adam), image(SMALL.shape)
    state = jax.jit(lambda x: style.begun(config, adam, jax.random.key(0), x))(x)
    average, step = np.asarray(x), jax.jit(technique.step)
    for count in range(3):
        before = np.asarray(state.params["image"])
        state, _ = step(state, batch)
        decay = min(0.5, (1 + count) / (10 + count))
        average = decay * average + (1 - decay) * before
    np.testing.assert_allclose(state.carry["shown"], average, rtol=1e-5)


def test_tiles_begin_at_multiples_of_the_stride_and_share_no_position():
    side, tiles = cuts(1203, 512, 4)
    assert side == 511
    assert all(tile.start % 4 == 0 for tile in tiles)
    assert tiles[-1].start + side == 1203
    assert [tile.first for tile in tiles] == [0, *(tile.end for tile in tiles[:-1])]
    assert all(tile.start + 32 <= tile.first for tile in tiles[1:])
    assert all(tile.end + 32 <= tile.start + side for tile in tiles[:-1])
    assert cuts(100, 512, 4) == (100, [Tile(0, 0, 100)])
    with pytest.raises(Refused, match="--tile=64 leaves nothing beside margins of 32 pixels; 72 is the least here"):
        cuts(100, 64, 4)
