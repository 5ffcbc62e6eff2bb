"""Restricted Boltzmann machines, 784 and 500 binary units, on glyphs: training images a second by CD-1, batch 100,
against the same in PyTorch and scikit-learn's; and steps of Gibbs sampling a second of 64 chains.

Quality of training: the cross-entropy of each pixel given the others, summed, nats an image, from 28 drawn for each
on 500 training images rounded to black and white, after 500 updates. scikit-learn's chains persist, its images are
grey.
Quality of sampling: the share of white pixels in the last of 2,000 steps, of one machine of random weights.

On two cores of an AMD EPYC without AVX-512 (2026-11-30) the race ended at 0.93 beside other work and at 1.06 without;
with one contender after the other it was 1.4; with AVX-512 (2026-12-01) 0.97, 2.0 times as fast. In a trace of 300
updates the five products take 3.7 of 6.1 ms, at 107 GFLOP/s where large square ones reach 143 to 182, and random
numbers 0.9 ms, in loops of one thread: nearly the shares on a processor with AVX-512.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.rbm import EXPERIMENT
from jaxgen.core import loop
from jaxgen.ops import boltzmann
from jaxgen.ops.annealed_importance import pseudo_log_likelihood
from jaxgen.ops.boltzmann import Machine, Units
from jaxgen.run import machine

RATE, SPREAD = 0.1, 0.01


class Sizes(NamedTuple):
    """Of a machine and its training."""

    hidden: int = 500
    updates: int = 100  # of a call
    batch: int = 100
    dataset: str = "glyphs"

    @property
    def amount(self) -> int:
        """Images of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        plain = {"chains": "data", "centred": "false", "average": 0, "optimizer": "sgd", "learning_rate": RATE}
        return {**plain, "hidden": self.hidden, "batch_size": self.batch, "dataset": self.dataset}


def quality(sizes: Sizes, parameters: Callable[[], tuple[Any, Any, Any]]) -> Callable[[], float]:
    """The function of no arguments that measures W [D, H], a [D] and b [H]."""
    image = jnp.rint(jnp.asarray(trainers.images(sizes.dataset).train.image[:500], jnp.float32) / 255.0)
    positions = jax.random.randint(jax.random.key(0), (28, len(image)), 0, image.shape[1], jnp.int32)
    measure = jax.jit(lambda m: -pseudo_log_likelihood(Units(), m, image, positions).mean())
    return lambda: float(measure(Machine(*(jnp.asarray(np.asarray(each), jnp.float32) for each in parameters()))))


def fused(sizes: Sizes) -> Work:
    """Chunks by `core.loop.train`, one a call, as the experiment trains."""
    last: list[Any] = []
    only = trainers.stage(EXPERIMENT, sizes.flags())
    events = loop.train([only], jax.random.key(0), sizes.updates, layout=machine.layout())
    parameters = lambda: tuple(last[0].state.params[name] for name in Machine._fields)

    def call():
        last[:] = [next(events)]

    return Work(call, sizes.amount, quality(sizes, parameters), trainers.CALLS)


def pytorch(sizes: Sizes) -> Work:
    """The lecture's products, written out, float32, all cores."""
    torch = trainers.pytorch()
    pixels = trainers.tensor(torch, trainers.images(sizes.dataset).train.image)
    w = SPREAD * torch.randn(pixels.shape[1], sizes.hidden)
    a, b = torch.zeros(pixels.shape[1]), torch.zeros(sizes.hidden)
    rate = RATE / sizes.batch

    @torch.inference_mode()
    def call():
        for _ in range(sizes.updates):
            x = torch.bernoulli(pixels[torch.randint(0, len(pixels), (sizes.batch,))].float() / 255.0)
            h = torch.sigmoid(torch.addmm(b, x, w))
            other = torch.bernoulli(torch.sigmoid(torch.addmm(a, torch.bernoulli(h), w.T)))
            h_other = torch.sigmoid(torch.addmm(b, other, w))
            w.addmm_(x.T, h, alpha=rate).addmm_(other.T, h_other, alpha=-rate)
            a.add_((x - other).sum(0), alpha=rate)
            b.add_((h - h_other).sum(0), alpha=rate)

    return Work(call, sizes.amount, quality(sizes, lambda: (w, a, b)), trainers.CALLS)


def scikit_learn(sizes: Sizes) -> Work:
    """BernoulliRBM, by `partial_fit` of random batches: its chains persist."""
    from sklearn.neural_network import BernoulliRBM

    pixels, rng = np.asarray(trainers.images(sizes.dataset).train.image), np.random.default_rng(0)
    own = BernoulliRBM(sizes.hidden, learning_rate=RATE, batch_size=sizes.batch, random_state=0)

    def call():
        for _ in range(sizes.updates):
            own.partial_fit(pixels[rng.integers(0, len(pixels), sizes.batch)].astype(np.float32) / np.float32(255))

    parameters = lambda: (own.components_.T, own.intercept_visible_, own.intercept_hidden_)
    return Work(call, sizes.amount, quality(sizes, parameters), trainers.CALLS)


LOOP = Loop(
    about=__doc__ or "",
    unit="images_per_second",
    cases={"": Sizes()},
    contenders=[
        Contender("fused", fused),
        Contender("fused, 2 host devices", fused, devices=2),
        Contender("PyTorch", pytorch, ("torch",)),
        Contender("scikit-learn", scikit_learn, ("sklearn",)),
    ],
    against={"against_pytorch": "PyTorch", "against_scikit_learn": "scikit-learn"},
    within=0.2,
    operations=trainers.operations(EXPERIMENT),
)


class Chains(NamedTuple):
    """Of Gibbs sampling; a unit of work is a step of all chains."""

    visible: int = 784
    hidden: int = 500
    chains: int = 64
    amount: int = 1000  # steps of a call


def weights(sizes: Chains) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W, a and b of a machine that mixes fast."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: np.asarray(rng.normal(scale=0.05, size=shape), np.float32)
    return draw(sizes.visible, sizes.hidden), draw(sizes.visible), draw(sizes.hidden)


def scanned(sizes: Chains) -> Work:
    """Ours: all steps of a call in one program."""
    own, last = Machine(*map(jnp.asarray, weights(sizes))), list[jax.Array]()
    steps = jax.jit(lambda key, x: boltzmann.chains(Units(), own, key, x, sizes.amount))
    last.append(jnp.zeros((sizes.chains, sizes.visible), jnp.float32))

    def call():
        last[0] = steps(jax.random.key(0), last[0])
        jax.block_until_ready(last[0])

    return Work(call, sizes.amount, lambda: float(last[0].mean()))


def pytorch_chains(sizes: Chains) -> Work:
    """A loop in Python, as everybody writes it."""
    torch = trainers.pytorch()
    w, a, b = (trainers.tensor(torch, each) for each in weights(sizes))
    x = torch.zeros(sizes.chains, sizes.visible)

    @torch.inference_mode()
    def call():
        for _ in range(sizes.amount):
            h = torch.bernoulli(torch.sigmoid(torch.addmm(b, x, w)))
            x.copy_(torch.bernoulli(torch.sigmoid(torch.addmm(a, h, w.T))))

    return Work(call, sizes.amount, lambda: float(x.mean()))


CHAINS = Loop(
    about="Gibbs sampling of 64 chains of a machine of 784 and 500 binary units: steps of all chains a second. "
    "Quality: the share of white pixels in the last step.",
    unit="steps_per_second",
    cases={"": Chains()},
    contenders=[Contender("fused", scanned), Contender("PyTorch", pytorch_chains, ("torch",))],
    operations=lambda sizes: 4.0 * sizes.chains * sizes.visible * sizes.hidden,
)
