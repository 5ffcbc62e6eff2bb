"""Classifier: an MLP or a CNN with every knob of training, and what each does to the signals in its layers.

python -m experiments.classify                                    embedded glyphs, 47 classes, an MLP
python -m experiments.classify --preset=lecture --dataset=mnist   784-300-100-10 by plain gradient descent
python -m experiments.classify --preset=fast --dataset=mnist      the quickest to 97 %
python -m experiments.classify --preset=cnn --dataset=mnist       convolutions, batch normalisation, moved images
python -m experiments.classify --preset=deep --dataset=digits     fifty sigmoid layers, whose gradients vanish
python -m experiments.classify --preset=digits                    64-128-10, small: what optimisers are compared on
python -m experiments.classify --init_from=WORKDIR --freeze=layer1 --classes=5-9 --per_class=20

What each ends at, and how long it takes: experiments/results/classify.md.
"""

import sys

from jaxgen.figures import mistakes, signals
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Choice, Experiment, Watch
from jaxgen.run.inherit import check_alike
from jaxgen.techniques.vision import cnn, mlp

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
    # A network to look into and to dream with, where there is no other. Trained on very noisy images, a network's
    # slopes look like what it was trained on.
    "numerals": {
        "dataset": "glyphs",
        "classes": "0-9",
        "network": "cnn",
        "channels": "16,32",
        "hidden": "128",
        "shift": 3.0,
        "rotate": 10.0,
        "zoom": 0.1,
        "noise": 1.0,
        "learning_rate": 2e-3,
        "steps": 600,
        "log_every": 100,
        "eval_every": 600,
        "checkpoint_every": 10_000,
    },
    # Whose features judge generated images: see experiments.gan.
    "judge": {
        "network": "cnn",
        "channels": "16,32",
        "hidden": "128",
        "batch_norm": True,
        "learning_rate": 2e-3,
        "cooldown": 0.8,
        "batch_size": 128,
        "epochs": 4,
        "log_every": 50,
        "eval_every": 400,
        "checkpoint_every": 10_000,
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


ABOUT = "dense layers, or 3x3 convolutions with 2x2 max pooling before them"


def anew(stage, config):
    """The output layer, if the run that this one starts from has other classes; refuses one of another activation."""
    check_alike(stage, config, "activation")
    return () if tuple(stage["config"]["labels"]) == config.labels else ("output",)


EXPERIMENT = Experiment(
    name="experiments.classify",
    doc=__doc__ or "",
    title="Classifier",
    text="Layers are turned into class probabilities and trained on the cross-entropy. How signals pass through the "
    "layers, forward and backward, decides what can be learnt.",
    technique=Choice("network", ABOUT, {"mlp": mlp, "cnn": cnn}),
    data=image_reader.reader(least=2),
    presets=PRESETS,
    defaults={"dataset": "glyphs", "epochs": 10, "eval_every": 100},
    anew=anew,
    watch=Watch(signals.layers, at_start=True),
    show=mistakes.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
