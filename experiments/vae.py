"""Variational autoencoder: samples, reconstructions and walks through the codes of letters, digits or your images.

python -m experiments.vae                                      embedded glyphs, an MLP, 16-dimensional codes
python -m experiments.vae --preset=chollet --dataset=glyphs    the book's network and its plane of codes
python -m experiments.vae --dataset=PATH.npz --likelihood=gaussian --network=conv
"""

import dataclasses
import sys

import jax
import numpy as np
from PIL import Image

from experiments.latents import pictures, prior_samples
from jaxgen import cli, results, run, workdir
from jaxgen.core.loop import evaluate
from jaxgen.core.pictures import save_gif, save_png
from jaxgen.core.report import Chapter, Picture
from jaxgen.data import images
from jaxgen.data.sources import sweep
from jaxgen.optim.textbook import OPTIMIZERS
from jaxgen.stages import image_stage
from jaxgen.techniques.autoencoders import vae

TEXT = (
    "An encoder gives each image a normal distribution over codes, a decoder turns codes back into images, and both "
    "climb a lower bound on the images' log-likelihood."
)


def experiment(flags: cli.RunFlags, config: vae.Config) -> Chapter:
    """Trains, evaluates on the test split, draws."""
    dataset = images.load(flags.dataset, flags.data_dir)
    config = dataclasses.replace(config, shape=dataset.shape)
    technique = vae.make(config, OPTIMIZERS[flags.optimizer])
    stage = image_stage(technique, dataset, flags)
    who = workdir.identity(flags, [(vae, config)], {"name": dataset.name, "sha256": dataset.sha256})
    with workdir.open_workdir(flags.workdir, who) as place:
        samples = place / "samples"

        def snapshot(stage, step, state):
            save_png(samples / f"step-{step:08d}.png", prior_samples(technique, state, dataset.shape), scale=2)

        outcome = run.train(place, flags, [stage], snapshot)
        test = sweep(dataset.test, flags.batch_size)
        key = jax.random.key(flags.seed + 1)
        metrics = evaluate(technique.evaluate, outcome.state, test, key)
        shown = pictures(technique, outcome.state, dataset, samples)
        if len(frames := sorted(samples.glob("step-*.png"))) > 1:
            save_gif(samples / "training.gif", [np.asarray(Image.open(frame)) for frame in frames], 300)
            shown.append(Picture(samples / "training.gif", "The same draws from the prior, as training went on"))
        named = results.measured(metrics, technique.evaluate.definitions)
        return results.finish(place, "Variational autoencoder", TEXT, flags.seed, outcome, named, shown)


COMMAND = cli.Command("vae", experiment, vae.Config, vae.PRESETS, {"dataset": "glyphs", "steps": 5000})

if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
