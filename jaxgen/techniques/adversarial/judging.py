"""How a generator's samples are judged, and what is inferred from one example.

A judge is a classifier that this project trained; its last hidden layer gives features. Their Frechet distance (Heusel
et al. 2017, https://arxiv.org/abs/1706.08500) is called classifier-FID, since the features are not Inception's.
Without a judge samples are compared with the examples themselves, by the energy distance.

B    examples of a batch
D    values of an example
Z    dimensions of a code
F    features of the judge
C    classes
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import Fold
from jaxgen.nets.convolutional import CNN
from jaxgen.nets.hidden import widths
from jaxgen.ops import frechet
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.kernel_distance import energy_distance
from jaxgen.ops.paths import spherical
from jaxgen.techniques.adversarial.game import sampler
from jaxgen.techniques.adversarial.rules import Players, Variables, generated, scored

PATH = 9  # codes from one end of an interpolation to the other
CONFIDENT = 0.9

Spec = tuple[str, ...]  # of a judge: channels, hidden, activation, "batch_norm" or "", sha256 of its parameters


def judge_net(spec: Spec, shape: tuple[int, int, int], classes: int) -> CNN:
    """The network of a judge; applied to images [B, D] in [0, 1] it gives logits [B, C] and all layers' activations."""
    channels, hidden, activation, norm, _ = spec
    options = {"activation": activation, "batch_norm": bool(norm), "initializer": "he_uniform"}
    return CNN(shape, widths(channels, "channels"), widths(hidden, "hidden"), classes, options)


def judged_features(net: CNN, judge: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Features [B, F] and class probabilities [B, C] of images x [B, D] in [0, 1]."""
    (logits, activations) = net.apply(judge, x)
    last = f"layer{len(net.channels) + len(net.units)}"
    return activations[last].reshape(len(x), -1), jax.nn.softmax(logits)


def samples_beside(players: Players, state: Any, key: jax.Array, batch: Any) -> tuple[jax.Array, jax.Array]:
    """As many samples [B, D] as the batch has examples, of their labels, and the examples, both as the data are."""
    real = to_unit(batch[players.column])
    z = jax.random.normal(key, (len(real), players.latent), jnp.float32)
    label = batch["label"] if players.conditional else None
    return players.to_data(generated(players.generator, sampler(state), z, label)[0]), real


def by_energy(players: Players) -> Fold:
    """The Fold of the energy distance between samples and examples, a mean over batches weighted by their examples.

    One that is alone in its batch has no distance to others, and does not count.
    """

    def add(state, key, tally, batch, mask):
        fake, real = samples_beside(players, state, key, batch)
        count = jnp.sum(mask, dtype=jnp.float32)
        weight = jnp.where(count > 1, count, 0.0)
        distance = jnp.where(count > 1, energy_distance(fake, real, mask, mask), 0.0)
        return tally + weight * jnp.stack([distance, jnp.ones((), jnp.float32)])

    finish = lambda tally: {"energy_distance": tally[0] / tally[1]}
    definition = "2 E|x - y| - E|x - x'| - E|y - y'| of samples x and examples y, unbiased, mean over batches"
    return Fold(
        lambda: jnp.zeros(2, jnp.float32), add, finish, {"energy_distance": definition}, "lower", improves=False
    )


def by_judge(players: Players, net: CNN, sha256: str = "") -> Fold:
    """The Fold of classifier-FID, and of what the judge, whose parameters have this hash, takes the samples for."""
    width = net.units[-1]

    def start():
        moments = frechet.start(width)
        return {
            "real": moments,
            "fake": moments,
            "seen": jnp.zeros(net.classes, jnp.float32),
            "sums": jnp.zeros(3, jnp.float32),
        }

    def add(state, key, tally, batch, mask):
        fake, real = samples_beside(players, state, key, batch)
        fake_features, probability = judged_features(net, batch["judge"], fake)
        real_features, _ = judged_features(net, batch["judge"], real)
        taken_for = probability.argmax(-1)
        asked = taken_for == batch["label"] if players.conditional else jnp.zeros(len(fake), bool)
        counted = jnp.stack([mask, mask & (probability.max(-1) > CONFIDENT), mask & asked])
        return {
            "real": frechet.add(tally["real"], real_features, mask),
            "fake": frechet.add(tally["fake"], fake_features, mask),
            "seen": tally["seen"]
            + jnp.where(mask[:, None], jax.nn.one_hot(taken_for, net.classes, dtype=jnp.float32), 0.0).sum(0),
            "sums": tally["sums"] + counted.sum(1, dtype=jnp.float32),
        }

    def finish(tally):
        count, confident, asked = tally["sums"]
        metrics = {
            "classifier_fid": frechet.distance_of(tally["fake"], tally["real"]),
            "confident": confident / count,
            "rarest_class": tally["seen"].min() / count,
            "as_asked": asked / count,
        }
        return {name: metrics[name] for name in definitions}

    name = f"the judge {sha256[:12]}" if sha256 else "the judge"
    definitions = {
        "classifier_fid": f"Frechet distance between {width} features of as many samples as images, of {name}",
        "confident": f"share of samples of whose class the judge is sure by more than {CONFIDENT}",
        "rarest_class": "share of samples of the class that the judge sees least often",
    }
    if players.conditional:
        definitions["as_asked"] = "share of samples that the judge takes for the class that was asked for"
    return Fold(start, add, finish, definitions, "lower", improves=False)


def inference(players: Players) -> dict[str, Any]:
    """The `infer` of both networks. Of conditional ones each input is a pair, whose second part is a label []."""

    def divided(x):
        """x and its label as a batch of one."""
        x, label = x if players.conditional else (x, None)
        return x, None if label is None else jnp.asarray(label)[None]

    def drawn(state, z, label):
        return players.to_data(generated(players.generator, sampler(state), z, label)[0])

    def sample(state, key, x=()):
        """An example [D] of a code drawn from N(0, I); x is nothing, or the label."""
        label = jnp.asarray(x)[None] if players.conditional else None
        return drawn(state, jax.random.normal(key, (1, players.latent), jnp.float32), label)[0]

    def decode(state, key, x):
        """One code [Z] to an example [D]."""
        z, label = divided(x)
        return drawn(state, z[None], label)[0]

    def interpolate(state, key, x):
        """Two codes [2, Z] to the examples [PATH, D] on the great arc from one to the other."""
        ends, label = divided(x)
        path = spherical(ends[0], ends[1], PATH)
        return drawn(state, path, None if label is None else jnp.repeat(label, PATH))

    def logits(state, x, label):
        critic = Variables(state.params["critic"], state.carry["critic"])
        return scored(players.critic, critic, players.to_network(x), label)[0]

    def score(state, key, x):
        """One example [D] to the critic's logit [] of it alone.

        A critic that looks at deviations within a group sees none then, as it never does in training: `score_group` is
        what compares with the scores of training.
        """
        x, label = divided(x)
        return logits(state, x[None], label)[0]

    def score_group(state, key, x):
        """As many examples [G, D] as the critic sees in a group in training (`ops.minibatch`), to their logits [G]."""
        x, label = x if players.conditional else (x, None)
        return logits(state, x, label)

    scores = {"score": score, "score_group": score_group}
    return {"sample": sample, "decode": decode, "interpolate": interpolate, **scores}
