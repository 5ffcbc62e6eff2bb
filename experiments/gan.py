"""Generative adversarial networks: letters, digits or your images from random codes, judged by a classifier.

python -m experiments.gan                                      embedded glyphs, convolutions, R1
python -m experiments.gan --dataset=mnist                      the same on MNIST
python -m experiments.gan --dataset=mnist --conditional        with the class asked for
python -m experiments.gan --network=dense --loss=minimax --penalty=none --dataset=mnist
python -m experiments.gan --preset=radford --dataset=cifar10   the DCGAN of the paper
python -m experiments.gan --preset=chollet --dataset=frogs     the book's networks, losses and data order
python -m experiments.gan --dataset=stacked_mnist              three digits an image: how many of 1,000 modes
python -m experiments.gan --sample_only --count=100            draws from a trained run

Samples are judged by a classifier that is trained first, once for each data set, beside the runs (--judge). What each
ends at, and how long it takes: experiments/results/gan.md. Points in the plane: experiments/mixtures.py.
"""

import dataclasses
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from experiments import classify
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Refused
from jaxgen.data.images import stacked
from jaxgen.figures import adversaries, stacked_modes
from jaxgen.report.items import Figure, Table
from jaxgen.report.pictures import save_png
from jaxgen.run import cli, image_reader, judged_reader
from jaxgen.run.experiment import Choice, Data, Experiment, Reader, Result, Setting, Watch
from jaxgen.run.inherit import check_alike
from jaxgen.run.judged_reader import JudgedFlags
from jaxgen.run.load import load_run
from jaxgen.run.workdir import read_config
from jaxgen.techniques.adversarial import chollet_gan, dcgan, gan

NETWORKS = {"conv": dcgan, "dense": gan, "chollet": chollet_gan}

PRESETS: dict[str, dict[str, Any]] = {
    # 28 x 28 pixels on two cores in a quarter of an hour; the defaults are its first third at a constant rate.
    "small": {"network": "conv", "steps": 12_000, "schedule": "cosine", "eval_every": 2000, "checkpoint_every": 2000},
    # Of the paper: widths, kernels, normalisation, losses, Adam's rate and momentum, batches; 64 x 64 pixels there.
    "radford": {
        "network": "conv",
        "latent": 100,
        "width": 64,
        "halvings": 0,
        "kernel": 5,
        "dense": 0,
        "critic_norm": "batch",
        "deviation": False,
        "penalty": "none",
        "average": 0.0,
        "learning_rate": 2e-4,
        "critic_learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "batch_size": 128,
        "steps": 20_000,
    },
    # The book's decay of the rates, 1e-8, is nil and left out. Label noise: 0.05 in its Python edition, 0.5 in R.
    "chollet": {
        "network": "chollet",
        "dataset": "frogs",
        "loss": "book",
        "label_noise": 0.05,
        "penalty": "none",
        "average": 0.0,
        "optimizer": "rmsprop",
        "eps": 1e-7,  # Keras's, as its optimisers add it
        "eps_inside_root": True,
        "clip_value": 1.0,
        "learning_rate": 4e-4,
        "critic_learning_rate": 8e-4,
        "batch_size": 20,
        "in_order": True,
        "steps": 10_000,
    },
}

SAMPLES = "samples"  # heading of --help


@dataclasses.dataclass(frozen=True)
class GanFlags(JudgedFlags):
    """The flags of a run on images, and of drawing from it."""

    sample_only: bool = knob(False, "train nothing: draw from the run in --workdir", free=True, group=SAMPLES)
    count: int = knob(64, "samples of --sample_only, in one picture", lower=1, upper=10_000, free=True, group=SAMPLES)
    of_class: str = knob("", "of --sample_only, from a conditional run; empty: all", free=True, group=SAMPLES)


def read(flags: GanFlags, config: Any) -> Data:
    """Images with the judge beside them, who is trained only for networks and rules that can be played.

    Raises Refused, see `image_reader.read`, `judged_reader.with_judge` and the networks' `make`.
    """
    data = image_reader.read(flags, config)
    module = next(module for module in NETWORKS.values() if isinstance(config, module.Config))
    module.make(fitted(config, data.facts))
    if isinstance(config, dcgan.Config) and "color" in config.diff_augment and data.examples.shape[2] == 1:
        print("--diff_augment=color: images of one channel have no saturation; brightness and contrast vary")
    return judged_reader.with_judge(data, flags, classify.EXPERIMENT)


def anew(stage: Mapping[str, Any], config: Any) -> tuple[()]:
    """Nothing starts as drawn; refuses conditional networks of other classes, whose parameters would fit."""
    if stage["config"].get("conditional"):
        check_alike(stage, config, "labels")
    return ()


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """What `adversaries.show` does, and of stacked digits which modes samples cover."""
    judge = judged_reader.judge_of(setting.flags, setting.data.examples, classify.EXPERIMENT)
    of_digits = setting.flags.dataset == stacked.NAME
    yield from adversaries.show(setting, result, None if of_digits else judge)
    if of_digits and judge is not None:
        _, digits = judged_reader.judged(setting.flags, setting.data.examples)
        yield stacked_modes.table(setting, result, judge, digits.test)


def draw(flags: GanFlags) -> None:
    """Writes a picture of --count samples of the run in --workdir, and prints its path.

    Raises Refused where there is no run of such networks on images, or no such class.
    """
    run, config = load_run(flags.workdir), read_config(flags.workdir)["stages"][-1]["config"]
    if run.module not in {module.__name__ for module in NETWORKS.values()} or config.get("points"):
        made = "points" if config.get("points") else f"{run.module}, which has no generator"
        raise Refused(f"{flags.workdir} holds a run of {made}; experiments.gan draws images")
    labels, asked = config["labels"], adversaries.shown_labels(len(config["labels"]), flags.count)
    if flags.of_class:
        if not config.get("conditional"):
            raise Refused(f"--of_class={flags.of_class}: the run in {flags.workdir} was not trained with --conditional")
        if flags.of_class not in labels:
            raise Refused(f"unknown class {flags.of_class!r}; known: {', '.join(labels)}")
        asked = np.full(flags.count, labels.index(flags.of_class), np.int32)
    images = adversaries.drawn(run.technique, run.state, asked, flags.seed)
    name = f"drawn-{flags.of_class or 'all'}-{flags.seed}.png".replace(os.sep, "_")
    path = os.path.join(os.path.expanduser(flags.workdir), "samples", name)
    save_png(path, adversaries.grid(images, config["shape"], round(flags.count**0.5)), adversaries.SCALE)
    print(f"samples: {path}")


EXPERIMENT = Experiment(
    name="experiments.gan",
    doc=__doc__ or "",
    title="Generative adversarial network",
    text="A generator turns random codes into images, a critic learns to tell them from real ones, and each is trained "
    "on what the other one does.",
    technique=Choice("network", "the two networks", NETWORKS),
    data=Reader(GanFlags, read),
    presets=PRESETS,
    defaults={
        "dataset": "glyphs",
        "learning_rate": 5e-4,
        "critic_learning_rate": 5e-4,
        "beta1": 0.0,
        "beta2": 0.99,
        "penalty_every": 8,
        "batch_size": 64,
        "steps": 4000,
        "eval_every": 1000,
        "checkpoint_every": 1000,
    },
    players=("critic",),
    anew=anew,
    watch=Watch(adversaries.look),
    show=show,
    instead=lambda flags: functools.partial(draw, flags) if flags.sample_only else None,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
