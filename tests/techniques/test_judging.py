"""What is measured of samples: by a judge in one pass or in many, and by the energy distance."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import changed
from jaxgen.ops.kernel_distance import energy_distance
from jaxgen.techniques.adversarial import gan, judging
from jaxgen.techniques.adversarial.game import sampler

KEY = jax.random.key(0)
SPEC = ("", "6", "tanh", "", "")


def judged(**fields):
    small = {
        "shape": (4, 4, 1),
        "batch": 8,
        "latent": 2,
        "hidden": "4",
        "critic_hidden": "4",
        "labels": ("a", "b", "c"),
    }
    technique = gan.make(changed(gan.Config(), {**small, **fields}))
    return technique, jax.jit(technique.init)(KEY), technique.example(jax.random.key(1))


def test_a_ragged_batch_counts_what_it_has():
    technique, state, batch = judged(judge_spec=SPEC, conditional=True)
    fold, add = technique.evaluate, jax.jit(technique.evaluate.add)
    mask = jnp.arange(8) < 5
    spoilt = {**batch, "image": jnp.where(mask[:, None], batch["image"], 255)}
    tallies = [add(state, KEY, fold.start(), each, mask) for each in (batch, spoilt)]
    first, second = (fold.finish(tally) for tally in tallies)
    assert tallies[0]["sums"][0] == 5
    assert tallies[0]["seen"].sum() == 5
    for name in fold.definitions:
        assert np.allclose(first[name], second[name], rtol=1e-4), name


def test_shares_are_what_the_judge_says():
    technique, state, batch = judged(judge_spec=SPEC, conditional=True)
    fold = technique.evaluate
    z = jax.random.normal(KEY, (8, 2), jnp.float32)
    net = judging.judge_net(SPEC, (4, 4, 1), 3)
    player = sampler(state)
    fake = gan.Generator([4], 16, 3, True).apply({"params": player.params}, z, batch["label"])
    features, probability = judging.judged_features(net, batch["judge"], 0.5 * (fake + 1))
    metrics = fold.finish(fold.add(state, KEY, fold.start(), batch, jnp.ones(8, bool)))
    taken = np.asarray(probability).argmax(-1)
    assert features.shape == (8, 6)
    assert np.isclose(metrics["as_asked"], (taken == np.asarray(batch["label"])).mean())
    assert np.isclose(metrics["rarest_class"], np.bincount(taken, minlength=3).min() / 8)
    assert np.isclose(metrics["confident"], (np.asarray(probability).max(-1) > 0.9).mean())
    assert metrics["classifier_fid"] > 0


def test_without_a_judge_batches_are_compared_by_what_they_have():
    technique, state, batch = judged()
    fold = technique.evaluate
    z = jax.random.normal(KEY, (8, 2), jnp.float32)
    fake = 0.5 * (gan.Generator([4], 16, 0, True).apply({"params": sampler(state).params}, z) + 1)
    real, tally, add = batch["image"] / 255.0, fold.start(), jax.jit(fold.add)
    for count in (8, 3, 1):  # one alone has no distance to others
        tally = add(state, KEY, tally, batch, jnp.arange(8) < count)
    expected = (8 * energy_distance(fake, real) + 3 * energy_distance(fake[:3], real[:3])) / 11
    assert np.isclose(fold.finish(tally)["energy_distance"], expected, rtol=1e-4)


def test_interpolations_end_at_their_codes():
    technique, state, _ = judged()
    codes = jax.random.normal(KEY, (2, 2), jnp.float32)
    path = technique.infer["interpolate"](state, KEY, codes)
    ends = [technique.infer["decode"](state, KEY, z) for z in codes]
    assert np.allclose(path[0], ends[0], atol=1e-5)
    assert np.allclose(path[-1], ends[1], atol=1e-5)
