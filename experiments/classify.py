"""Classifier: an MLP or a CNN with every knob of training, and what each does to the signals in its layers.

python -m experiments.classify                                    embedded glyphs, 47 classes, an MLP
python -m experiments.classify --preset=lecture --dataset=mnist   784-300-100-10 by plain gradient descent
python -m experiments.classify --preset=fast --dataset=mnist      the quickest to 97 %
python -m experiments.classify --preset=cnn --dataset=mnist       convolutions, batch normalisation, moved images
python -m experiments.classify --preset=deep --dataset=digits     fifty sigmoid layers, whose gradients vanish
python -m experiments.classify --preset=digits                    64-128-10, small: what optimisers are compared on
python -m experiments.classify --init_from=WORKDIR --freeze=layer1 --classes=5-9 --per_class=20

The first takes 12 s and ends at a test accuracy of 97.6 %; on MNIST the second takes 70 s and ends at 97.53 % (mean of
three seeds), the third 13.5 s from start to end and 97.9 %, the fourth 6.3 min and 99.44 %. Two cores of an AMD EPYC,
jax 0.10.2, 2026-11-21.
"""

import sys

import jax
import numpy as np

from jaxgen.core import loop
from jaxgen.core.types import Refused
from jaxgen.figures.signals import drawn, watched, watcher
from jaxgen.report.items import Picture
from jaxgen.report.page import Chapter
from jaxgen.run import cli, image_reader, results, train, workdir
from jaxgen.run.inherit import inherit
from jaxgen.techniques.vision import classifier

TEXT = (
    "Layers are turned into class probabilities and trained on the cross-entropy. How signals pass through the layers, "
    "forward and backward, decides what can be learnt."
)

PRESETS: dict[str, dict] = {
    # The lecture's first network in code: plain gradient descent, kernels from a truncated normal of 2 / sqrt(in).
    "lecture": {
        "network": "mlp",
        "hidden": "300,100",
        "initializer": "truncated",
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "batch_size": 50,
        "epochs": 40,
        "log_every": 1100,
        "eval_every": 1100,
        "checkpoint_every": 5500,
    },
    "fast": {
        "network": "mlp",
        "hidden": "300",
        "learning_rate": 2e-3,
        "cooldown": 0.5,
        "batch_size": 128,
        "epochs": 3,
        "log_every": 429,
        "eval_every": 429,
        "checkpoint_every": 10_000,
    },
    "cnn": {
        "network": "cnn",
        "channels": "16,32",
        "hidden": "128",
        "batch_norm": True,
        "dropout": 0.4,
        "shift": 2.0,
        "rotate": 10.0,
        "zoom": 0.1,
        "learning_rate": 2e-3,
        "cooldown": 0.8,
        "batch_size": 128,
        "epochs": 20,
        "log_every": 143,
        "eval_every": 858,
        "checkpoint_every": 858,
    },
    # Small and quick: 64-128-10, what optimisers are compared on.
    "digits": {
        "dataset": "digits",
        "network": "mlp",
        "hidden": "128",
        "batch_size": 32,
        "epochs": 20,
        "log_every": 44,
        "eval_every": 88,
    },
    "deep": {
        "network": "mlp",
        "hidden": "100x50",
        "activation": "sigmoid",
        "initializer": "xavier_uniform",
        "steps": 1000,
        "log_every": 50,
        "eval_every": 100,
    },
}


def anew(init_from: str, config: classifier.Config) -> tuple[str, ...]:
    """Layers that start as drawn although there is another run to start from: the output, if it told other classes.

    Raises Refused where that run's layers were trained with another activation, which their shapes do not show.
    """
    there = workdir.read_config(init_from)["stages"][-1]["config"] if init_from else {}
    if (before := there.get("activation", config.activation)) != config.activation:
        raise Refused(
            f"--init_from={init_from} was trained with --activation={before}, and this is {config.activation}"
        )
    return ("output",) if tuple(there.get("labels", ())) != config.labels else ()


def experiment(flags: cli.ImageFlags, config: classifier.Config) -> Chapter:
    """Trains, evaluates on the test split, draws."""
    dataset = image_reader.dataset(flags, least=2)
    config = image_reader.fitted(config, dataset)
    technique = classifier.make(config, image_reader.optimizer(flags, dataset))
    stage = image_reader.image_stage(technique, dataset, flags)
    stage, previous = inherit(stage, flags.init_from, classifier, anew(flags.init_from, config))
    who = workdir.identity(flags, [(classifier, config)], dataset.sha256, previous)
    with workdir.open_workdir(flags.workdir, who) as place:
        samples = place / "samples"
        watch = watcher(config, dataset, samples)
        if not (place / "checkpoints").exists():
            watch(0, loop.first_state(stage, jax.random.key(flags.seed), previous=previous))
        outcome = train.train(place, flags, [stage], lambda stage, step, state: watch(step, state), previous)
        counted = image_reader.tallied(technique.evaluate, outcome.state, dataset.test, flags)
        named = image_reader.named(technique.evaluate, counted)
        counts = np.asarray(counted["confusion"])

        def draw():
            pictures = []
            try:
                signals = watched(samples, len(classifier.layers(config)) + 1, outcome.steps)
                for name, save, caption in drawn(technique, outcome.state, dataset, config, counts, signals):
                    save(samples / f"{name}.png")
                    pictures.append(Picture(samples / f"{name}.png", caption))
            except Refused as missing:  # matplotlib is optional, and a trained run is not thrown away for it
                train.warn(str(missing))
            return pictures

        return results.finish(place, "Classifier", TEXT, flags.seed, outcome, named, draw)


COMMAND = cli.Command(
    "classify", experiment, classifier.Config, PRESETS, {"dataset": "glyphs", "epochs": 10, "eval_every": 100}
)

if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
