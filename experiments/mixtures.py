"""Adversarial networks on points in the plane: which modes of a mixture of Gaussians a generator covers.

python -m experiments.mixtures                                  a ring of 8 Gaussians, non-saturating loss and R1
python -m experiments.mixtures --preset=wasserstein             critics of slope 1, by a gradient penalty
python -m experiments.mixtures --preset=minimax                 the first losses, which lose modes
python -m experiments.mixtures --dataset=grid                   25 Gaussians
python -m experiments.optimizer_study --tasks=mixtures          which optimiser finds them all

Several games and seeds side by side: experiments/modes.py. What was measured: experiments/results/gan.md.
"""

import sys
from typing import Any

from jaxgen.figures import clouds
from jaxgen.run import cli, point_reader
from jaxgen.run.experiment import Experiment, Watch
from jaxgen.techniques.adversarial import gan

PRESETS: dict[str, dict[str, Any]] = {
    "r1": {"loss": "non_saturating", "penalty": "r1", "penalty_weight": 1.0},
    # Weight 0.1 as in the authors' code for these points, gan_toy.py of improved_wgan_training; their 10 is for images.
    "wasserstein": {"loss": "wasserstein", "penalty": "gradient", "penalty_weight": 0.1, "critic_steps": 1},
    # As at first: no penalty, no average, a constant rate. With the last two of the others they cover all modes too.
    "non_saturating": {"loss": "non_saturating", "penalty": "none", "average": 0.0, "schedule": "constant"},
    "minimax": {"loss": "minimax", "penalty": "none", "average": 0.0, "schedule": "constant"},
}

EXPERIMENT = Experiment(
    name="experiments.mixtures",
    doc=__doc__ or "",
    title="Modes of a mixture",
    text="A mixture of narrow Gaussians shows what images hide: whether a generator covers all modes of data, "
    "and whether its samples lie in them.",
    technique=gan,
    data=point_reader.POINTS,
    presets=PRESETS,
    defaults={
        "dataset": "ring",
        "latent": 2,
        "hidden": "128x3",
        "critic_hidden": "128x3",
        "learning_rate": 1e-3,
        "critic_learning_rate": 1e-3,
        "beta1": 0.0,
        "beta2": 0.99,
        "schedule": "cosine",
        "batch_size": 128,
        "steps": 5000,
        "eval_every": 500,
        "checkpoint_every": 2500,
        "preset": "r1",
    },
    players=("critic",),
    watch=Watch(clouds.look),
    folds=clouds.coverage,
    show=clouds.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
