"""Clusters of images without labels: an autoencoder first, then deep embedded clustering of its codes.

python -m experiments.clustering                           embedded digits, ten clusters
python -m experiments.clustering --preset=dec --dataset=mnist      784-500-500-2000-10, the paper's network
python -m experiments.clustering --reconstruction=0        as in the first paper, without the decoder

What it comes to: experiments/results/codes.md. All kinds of autoencoders side by side: experiments/codes.py.
"""

import sys
from typing import Any

from jaxgen.core.types import Refused, Stage
from jaxgen.figures import clustered
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Experiment, Setting, stage, updates
from jaxgen.techniques.autoencoders import clustering, denoising

PRESETS: dict[str, dict[str, Any]] = {
    # The network of Xie et al. 2016; ours: Adam, and all layers trained at once.
    "dec": {
        "hidden": "500,500,2000",
        "corrupted": 0.2,
        "learning_rate": 1e-3,
        "batch_size": 256,
        "steps": 15000,
        "log_every": 500,
        "eval_every": 2500,
        "checkpoint_every": 5000,
    },
}


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
    presets=PRESETS,
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
