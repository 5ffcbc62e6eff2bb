"""Optimiser study: which optimiser, at which learning rate, how sure are you, at what cost.

python -m experiments.optimizer_study                             six optimisers on a classifier of 8x8 digits
python -m experiments.optimizer_study --tasks=classifier,vae --learning_rates=1e-4:1e0:13 --seeds=10 --steps=2000
python -m experiments.optimizer_study --tasks=rosenbrock,beale,quadratic,saddle
python -m experiments.optimizer_study --tasks=vae:mlp --optimizers=adam,lion,optax.muon --extend
python -m experiments.optimizer_study --optimizers=adamw --vary=weight_decay=0,1e-4,1e-3 --epochs=5
python -m jaxgen.study --tasks=my_module                          from any folder: EXPERIMENT of your my_module.py

Each optimiser's learning rate is tuned on the validation split with --tuning_seeds seeds, then --seeds others judge the
best rate on the test split. All runs of an optimiser are one compiled program (--mode). In choosing, a run that
diverges counts as its untrained network; where final runs diverge, their median is told and how many did. From 5 seeds
on, what differs beyond chance is named. A study that was stopped goes on where it was; more --seeds and --optimizers
add to it, and --compare=STUDY shows another one beside it. Runs from before a change of code or versions are not mixed
with new ones.
"""

import sys

from experiments import (
    autoencoder,
    classify,
    gan,
    melodies,
    mixtures,
    music,
    perceptual,
    rbm,
    sequences,
    sketch,
    text,
    vae,
)
from jaxgen.study import command

EXPERIMENTS = {
    "autoencoder": autoencoder.EXPERIMENT,
    "classifier": classify.EXPERIMENT,
    "gan": gan.EXPERIMENT,
    "language": text.EXPERIMENT,
    "melodies": melodies.EXPERIMENT,
    "mixtures": mixtures.EXPERIMENT,
    "music": music.EXPERIMENT,
    "perceptual": perceptual.EXPERIMENT,
    "rbm": rbm.EXPERIMENT,
    "sequence": sequences.EXPERIMENT,
    "sketch": sketch.EXPERIMENT,
    "vae": vae.EXPERIMENT,
}
TASKS = "classifier:digits"  # by default

if __name__ == "__main__":
    sys.exit(command.launch("experiments.optimizer_study", __doc__ or "", EXPERIMENTS, tasks=TASKS))
