"""Clusters of images without labels: an autoencoder first, then deep embedded clustering of its codes.

python -m experiments.clustering                           embedded digits, ten clusters
python -m experiments.clustering --dataset=mnist --hidden=500,500,2000 --steps=20000 --batch_size=256
python -m experiments.clustering --reconstruction=0        as in the first paper, without the decoder

All kinds of autoencoders side by side: experiments/codes.py.
"""

import sys

from jaxgen.core.types import Refused, Stage
from jaxgen.figures import clustered
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Experiment, Setting, stage, updates
from jaxgen.techniques.autoencoders import clustering, denoising


def plan(setting: Setting) -> list[Stage]:
    """The autoencoder, and then its clusters. Raises Refused where there are fewer than two updates."""
    total = updates(setting.flags, setting.data.epoch)
    if total < 2:
        raise Refused(f"--steps={total} are too few for two stages; at least one each is needed")
    first = min(max(round(setting.config.pretraining * total), 1), total - 1)
    config = clustering.pretraining(setting.config)
    pretrained = stage(setting._replace(module=denoising), config, first)
    init = clustering.make(setting.config, *setting.optimizers(total - first)).init
    return [pretrained, stage(setting, setting.config, total - first, clustering.adopting(setting.config, init))]


EXPERIMENT = Experiment(
    name="experiments.clustering",
    doc=__doc__ or "",
    title="Clusters of codes",
    text="An autoencoder learns codes of images, k-means draws centres among them, and then encoder and centres learn "
    "together that clusters become purer. No labels are used.",
    technique=clustering,
    data=image_reader.reader(),
    defaults={
        "dataset": "digits",
        "hidden": "128,128,256",
        "corrupted": 0.1,
        "learning_rate": 2e-3,
        "steps": 3000,
        "eval_every": 500,
        "checkpoint_every": 500,
    },
    plan=plan,
    show=clustered.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
