"""Variational autoencoder: samples, reconstructions and walks through the codes of letters, digits or your images.

python -m experiments.vae                                      embedded glyphs, an MLP, 16-dimensional codes
python -m experiments.vae --preset=chollet                     the book's network and its plane of codes
python -m experiments.vae --preset=chollet --dataset=mnist     the same on MNIST
python -m experiments.vae --preset=iwae --dataset=mnist        Burda et al.'s network, and its test log-likelihood
python -m experiments.vae --dataset=PATH --likelihood=gaussian --network=conv

The first takes 19 s and ends at a test negative ELBO of 114.8 nats (greyscale cross-entropy + KL), the second takes
2 min and ends at 202.8; on MNIST 13 min (with --host_devices=2) and 147.2. The fourth takes 19 min, then 4 min to
estimate -log p(x) as 87.74 (pixels binarised anew, 5,000 importance samples). Seed 0, two cores of an AMD EPYC, jax
0.10.2, 2026-11-20 and 21.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgen.figures.latents import pictures, prior_samples
from jaxgen.report.page import Chapter, Picture
from jaxgen.report.pictures import save_gif, save_png, to_bytes
from jaxgen.run import cli, image_reader, results, train, workdir
from jaxgen.run.inherit import inherit
from jaxgen.techniques.autoencoders import vae

TEXT = (
    "An encoder gives each image a normal distribution over codes, a decoder turns codes back into images, and both "
    "climb a lower bound on the images' log-likelihood."
)

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
SCALE = 2  # of the snapshots


def snapshots(folder: Path, like: np.ndarray) -> list[np.ndarray]:
    """The step-*.png in `folder` that can be read and show as much as `like`, by step; the rest is passed over."""
    frames = []
    for path in sorted(folder.glob("step-*.png")):
        # Damage raises some ten types, and is no reason to end a trained run without its report.
        with contextlib.suppress(Exception), Image.open(path) as file:
            frames.append(np.asarray(file))
    wanted = to_bytes(like, SCALE)
    return [frame for frame in frames if (frame.shape, frame.dtype) == (wanted.shape, wanted.dtype)]


def experiment(flags: cli.ImageFlags, config: vae.Config) -> Chapter:
    """Trains, evaluates on the test split, draws."""
    dataset = image_reader.dataset(flags)
    config = image_reader.fitted(config, dataset)
    technique = vae.make(config, image_reader.optimizer(flags, dataset))
    stage, previous = inherit(image_reader.image_stage(technique, dataset, flags), flags.init_from, vae)
    who = workdir.identity(flags, [(vae, config)], dataset.sha256, previous)
    with workdir.open_workdir(flags.workdir, who) as place:
        samples = place / "samples"

        def snapshot(stage, step, state):
            save_png(samples / f"step-{step:08d}.png", prior_samples(technique, state, dataset.shape), SCALE)

        outcome = train.train(place, flags, [stage], snapshot, previous)
        named = image_reader.measure(technique.evaluate, outcome.state, dataset.test, flags)
        if config.importance_samples:
            estimate = image_reader.measure(vae.log_likelihood(config), outcome.state, dataset.test, flags, slow=True)
            named = {**estimate, **named}

        def draw():
            shown = pictures(technique, outcome.state, dataset, samples)
            if len(frames := snapshots(samples, prior_samples(technique, outcome.state, dataset.shape))) > 1:
                save_gif(samples / "training.gif", frames, 300)
                shown.append(Picture(samples / "training.gif", "The same draws from the prior, as training went on"))
            return shown

        return results.finish(place, "Variational autoencoder", TEXT, flags.seed, outcome, named, draw)


COMMAND = cli.Command("vae", experiment, vae.Config, PRESETS, {"dataset": "glyphs", "steps": 5000})

if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
