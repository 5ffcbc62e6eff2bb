"""A run as small as possible, through the same doors as an experiment, without pictures; as a script, to interrupt."""

import dataclasses
import sys

from experiments.vae import PRESETS
from jaxgen.run import cli, image_reader, train, workdir
from jaxgen.run.inherit import inherit
from jaxgen.techniques.autoencoders import vae


def experiment(flags, config):
    dataset = image_reader.dataset(flags)
    config = dataclasses.replace(config, shape=dataset.shape)
    stage = image_reader.image_stage(vae.make(config, image_reader.optimizer(flags, dataset)), dataset, flags)
    stage, previous = inherit(stage, flags.init_from, vae)
    who = workdir.identity(flags, [(vae, config)], previous=previous)
    with workdir.open_workdir(flags.workdir, who) as place:
        train.train(place, flags, [stage], previous=previous)


COMMAND = cli.Command("worker", experiment, vae.Config, PRESETS, {"steps": 100})


TINY = [
    "--dataset=digits",
    "--steps=4",
    "--batch_size=16",
    "--hidden=8",
    "--latent=2",
    "--log_every=2",
    "--eval_every=2",
]


def go(tmp_path, *flags):
    return cli.main(COMMAND, [*TINY, f"--workdir={tmp_path / 'run'}", *flags])


def everything(place):
    """path -> bytes of all files below a folder."""
    return {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}


def refused(capsys, code, fragment):
    out, err = capsys.readouterr()
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert fragment in err
    assert "Traceback" not in out + err


if __name__ == "__main__":
    sys.exit(cli.main(COMMAND))
