"""Deep feature consistent VAE: reconstructions that look like the image to a network, not alike pixel by pixel.

python -m experiments.perceptual                                         glyphs, features of a classifier of numerals
python -m experiments.perceptual --preset=random                         glyphs, VGG19 with random weights
python -m experiments.perceptual --preset=faces --data_dir=DATA          Olivetti faces, relu1_1, 2_1 and 3_1 of VGG19
python -m experiments.perceptual --preset=frogs --data_dir=DATA          CIFAR-10's frogs, likewise
python -m experiments.perceptual --network=runs/classify --dataset=PATH --layers=layer1:100

Weights of VGG19 and SqueezeNet are files: see --weights. Beside a plain VAE, and glasses that are put on:
experiments/faces.py. What was measured: experiments/results/faces.md.
"""

import sys
from typing import Any

from experiments import classify
from jaxgen.core.config import fitted
from jaxgen.core.types import Refused
from jaxgen.figures import latents
from jaxgen.run import cli
from jaxgen.run.experiment import Data, Experiment, Reader, Watch
from jaxgen.run.feature_reader import FeatureFlags, read_with_network
from jaxgen.techniques.autoencoders import perceptual

# Where flags say nothing, by network. Activations of VGG and SqueezeNet are of pixels up to 255; those of a classifier
# of ours are about a hundred times smaller, and their squares count in the loss.
LAYERS = {
    "auto": "layer1:500,layer2:500",
    "vgg19": "block1_conv1:0.5,block2_conv1:0.5,block3_conv1:0.5",
    "vgg16": "block1_conv1:0.5,block2_conv1:0.5,block3_conv1:0.5",
    "squeezenet": "relu_conv1:0.5,fire2:0.5,fire3:0.5",
}
# The paper's network, layers, weights, code and rate; ours: no batch normalisation, and a rate that falls.
PAPER: dict[str, Any] = {
    "network": "vgg19",
    "layers": LAYERS["vgg19"],
    "latent": 100,
    "mirror": True,
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "log_every": 20,
}
PRESETS: dict[str, dict[str, Any]] = {
    "faces": {
        **PAPER,
        "coder": "deep",
        "dataset": "olivetti_glasses",
        "batch_size": 20,
        "steps": 1400,
        "eval_every": 200,
        "checkpoint_every": 200,
    },
    "frogs": {
        **PAPER,
        "coder": "deep",
        "dataset": "frogs",
        "batch_size": 64,
        "steps": 2000,
        "eval_every": 500,
        "checkpoint_every": 500,
    },
    "random": {"network": "vgg19", "weights": "random", "batch_size": 16, "steps": 500},
}


def layers_of(config: Any, network: str) -> str:
    """The layers that are compared, with weights. Raises Refused where none are named, and there is no default."""
    text = config.layers or LAYERS.get(network, "")
    if not text:
        raise Refused(f"--layers must be given: of --network={network} there is no default")
    return text


def read(flags: FeatureFlags, config: Any) -> Data:
    """Images and the network. Raises Refused, see `read_with_network`, and where no layers are named."""
    config = fitted(config, {"layers": layers_of(config, flags.network)})
    data = read_with_network(flags, config, lambda network: perceptual.needed(config), classify.EXPERIMENT)
    data = data._replace(facts={**data.facts, "layers": config.layers})
    perceptual.make(fitted(config, data.facts))
    return data


EXPERIMENT = Experiment(
    name="experiments.perceptual",
    doc=__doc__ or "",
    title="Deep feature consistent VAE",
    text="A variational autoencoder whose reconstructions are compared with their images in the activations of a fixed "
    "network: what matters is what the network sees, and not each pixel.",
    technique=perceptual,
    data=Reader(FeatureFlags, read),
    presets=PRESETS,
    defaults={"dataset": "glyphs", "coder": "conv", "latent": 16, "steps": 1000, "eval_every": 500},
    watch=Watch(latents.prior),
    show=latents.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
