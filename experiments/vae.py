"""Variational autoencoder: samples, reconstructions and walks through the codes of letters, digits or your images.

python -m experiments.vae                                      embedded glyphs, an MLP, 16-dimensional codes
python -m experiments.vae --preset=chollet                     the book's network and its plane of codes
python -m experiments.vae --preset=chollet --dataset=mnist     the same on MNIST
python -m experiments.vae --preset=iwae --dataset=mnist        Burda et al.'s network, and its test log-likelihood
python -m experiments.vae --dataset=PATH --likelihood=gaussian --network=conv

What each ends at, and how long it takes: experiments/results/vae.md.
"""

import sys

from jaxgen.figures import latents
from jaxgen.run import cli, moved_reader
from jaxgen.run.experiment import Experiment, Watch
from jaxgen.techniques.autoencoders import vae

PRESETS = {
    "chollet": {
        "network": "conv",
        "latent": 2,
        "optimizer": "rmsprop",
        "learning_rate": 1e-3,
        "batch_size": 16,
        "epochs": 10,
        "eval_every": 1000,
        "checkpoint_every": 1000,
    },
    "mlp": {"network": "mlp", "hidden": 512, "latent": 2},
    # Of the paper: network, pixels, the rates of 3,280 epochs, and Adam's numbers (its epsilon of 1e-4 stands beside
    # gradients summed over 20 images, ours beside means). Ours: larger batches at twice the rate, an end at 600 epochs.
    "iwae": {
        "network": "mlp",
        "depth": 2,
        "hidden": 200,
        "activation": "tanh",
        "latent": 50,
        "likelihood": "stochastic",
        "optimizer": "adam",
        "eps": 5e-6,
        "learning_rate": 2e-3,
        "schedule": "burda",
        "cooldown": 0.1,
        "batch_size": 50,
        "epochs": 600,
        "log_every": 1100,
        "eval_every": 11_000,
        "checkpoint_every": 11_000,
        "importance_samples": 5000,
    },
}


def likelihood(setting):
    """The Fold of -log p(x), where --importance_samples asks for it."""
    return [vae.log_likelihood(setting.config)] if setting.config.importance_samples else []


EXPERIMENT = Experiment(
    name="experiments.vae",
    doc=__doc__ or "",
    title="Variational autoencoder",
    text="An encoder gives each image a normal distribution over codes, a decoder turns codes back into images, and "
    "both climb a lower bound on the images' log-likelihood.",
    technique=vae,
    data=moved_reader.READER,
    presets=PRESETS,
    defaults={"dataset": "glyphs", "steps": 5000},
    watch=Watch(latents.prior),
    folds=likelihood,
    show=latents.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
