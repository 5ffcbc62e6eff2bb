"""A training process to interrupt: a VAE through the same doors as an experiment, without its pictures."""

import dataclasses
import sys

from jaxgen import cli, run, workdir
from jaxgen.data import images
from jaxgen.optim.textbook import OPTIMIZERS
from jaxgen.stages import image_stage
from jaxgen.techniques.autoencoders import vae


def experiment(flags, config):
    dataset = images.load(flags.dataset)
    config = dataclasses.replace(config, shape=dataset.shape)
    stage = image_stage(vae.make(config, OPTIMIZERS[flags.optimizer]), dataset, flags)
    with workdir.open_workdir(flags.workdir, workdir.identity(flags, [(vae, config)], {})) as place:
        run.train(place, flags, [stage])


COMMAND = cli.Command("worker", experiment, vae.Config, vae.PRESETS, {"steps": 100})

if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
