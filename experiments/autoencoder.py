"""Autoencoder: dense, sparse, denoising, contractive or convolutional; compresses and restores digits or your images.

python -m experiments.autoencoder                                     embedded glyphs, 32 codes
python -m experiments.autoencoder --preset=keras --dataset=mnist      784-32-784, the Keras blog's
python -m experiments.autoencoder --preset=lecture --dataset=FOLDER --image_size=32      1,024-32-1,024
python -m experiments.autoencoder --preset=deep --dataset=mnist       784-1000-500-250-30 and back; plane: ...-2
python -m experiments.autoencoder --kind=sparse --sparsity=largest --k=25 --latent=1000 --code=linear --tied
python -m experiments.autoencoder --kind=denoising --corruption=salt_and_pepper --corrupted=0.4 --latent=256
python -m experiments.autoencoder --kind=contractive --contraction=0.1 --latent=256 --tied
python -m experiments.autoencoder --preset=painter                    max pooling, unpooling by switches; --down=strided

What each ends at, and what is not measured yet: experiments/results/autoencoder.md.
"""

import math
import sys
from collections.abc import Mapping
from typing import Any

from jaxgen.core.config import fitted
from jaxgen.figures import reconstructions
from jaxgen.run import cli, moved_reader
from jaxgen.run.experiment import Choice, Data, Experiment, Reader
from jaxgen.run.inherit import check_alike
from jaxgen.run.moved_reader import MovedFlags
from jaxgen.techniques.autoencoders import (
    contractive,
    convolutional_autoencoder,
    denoising,
    dense_autoencoder,
    sparse,
)

KINDS = {
    "dense": dense_autoencoder,
    "sparse": sparse,
    "denoising": denoising,
    "contractive": contractive,
    "convolutional": convolutional_autoencoder,
}
# Hinton & Salakhutdinov's widths and cross-entropy; ours: ReLU, Adam and no pre-training. The squared error of linear
# outputs, which have to learn that pixels end at 0 and 1, left twice the squared error.
DEEP = {
    "hidden": "1000,500,250",
    "activation": "relu",
    "code": "linear",
    "loss": "cross_entropy",
    "learning_rate": 1e-3,
    "batch_size": 256,
    "epochs": 45,
    "schedule": "cosine",
}
PRESETS: dict[str, dict[str, Any]] = {
    # The lecture's undercomplete autoencoder: 32 sigmoid units, W' = W^T, linear output. Of 32 x 32 pixels: 1,024-32.
    "lecture": {
        "latent": 32,
        "activation": "sigmoid",
        "tied": True,
        "loss": "squared",
        "learning_rate": 1e-3,
        "batch_size": 128,
        "epochs": 50,
    },
    # https://blog.keras.io/building-autoencoders-in-keras.html, its first one; Adam instead of Adadelta.
    "keras": {"latent": 32, "activation": "relu", "learning_rate": 1e-3, "batch_size": 256, "epochs": 50},
    # Noise and moves against over-fitting.
    "deep": {
        **DEEP,
        "latent": 30,
        "kind": "denoising",
        "corruption": "gaussian",
        "sigma": 0.1,
        "shift": 0.5,
        "rotate": 10.0,
        "zoom": 0.1,
        "moved": 0.5,
        "epochs": 150,
        "eval_every": 4000,
        "checkpoint_every": 5000,
    },
    "plane": {**DEEP, "latent": 2},
    # The lecture's unpooling by switches (DeepPainter, https://arxiv.org/abs/1711.08763); widths and code are ours.
    "painter": {"kind": "convolutional", "down": "switches", "channels": "16,32", "latent": 32, "steps": 1000},
}


def read(flags: MovedFlags, config: Any) -> Data:
    """Images; says where a code is no smaller than they are and nothing keeps the network from copying.

    Raises Refused, see `moved_reader.read` and the `make` of each kind.
    """
    data = moved_reader.read(flags, config)
    module = next(module for module in KINDS.values() if isinstance(config, module.Config))
    module.make(fitted(config, data.facts))
    pixels, latent = math.prod(data.examples.shape), config.network.latent
    if module in (dense_autoencoder, convolutional_autoencoder) and latent >= pixels:
        print(f"--latent={latent} of {pixels} pixels: it may learn to copy; sparse, denoising and contractive do not")
    return data


def anew(stage: Mapping[str, Any], config: Any) -> tuple[()]:
    """Nothing starts as drawn; refuses networks whose parameters would fit and mean something else."""
    ways = ("down", "unpooling") if isinstance(config, convolutional_autoencoder.Config) else ()
    check_alike(stage, config, "activation", "code", "loss", *ways)
    return ()


EXPERIMENT = Experiment(
    name="experiments.autoencoder",
    doc=__doc__ or "",
    title="Autoencoder",
    text="An encoder maps each image to a code, a decoder maps the code back to the image, and both are trained on "
    "what is lost on the way.",
    technique=Choice("kind", "what keeps the code from being a copy of the image", KINDS),
    data=Reader(MovedFlags, read),
    presets=PRESETS,
    defaults={"dataset": "glyphs", "learning_rate": 3e-3, "steps": 2000, "eval_every": 500, "checkpoint_every": 1000},
    anew=anew,
    show=reconstructions.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
