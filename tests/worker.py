"""A run as small as possible, through the same doors as an experiment, without pictures; as a script, to interrupt."""

import sys

from experiments.vae import PRESETS
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Experiment, Reader
from jaxgen.techniques.autoencoders import vae


def read(flags, config):
    """Without a test split: nothing is measured at the end."""
    return image_reader.read(flags, config)._replace(test=None)


READER = Reader(image_reader.ImageFlags, read)
EXPERIMENT = Experiment("worker", __doc__, "Worker", "", vae, READER, PRESETS, {"steps": 100})


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
    return cli.main(EXPERIMENT, [*TINY, f"--workdir={tmp_path / 'run'}", *flags])


def everything(folder):
    """path -> bytes of all files below a folder."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(capsys, code, fragment):
    out, err = capsys.readouterr()
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert fragment in err
    assert "Traceback" not in out + err


if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
