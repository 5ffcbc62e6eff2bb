"""Fast style transfer: a network that paints any photograph in one pass, as the images look that it was trained on.

python -m experiments.fast_style                                  embedded photographs, a network that learnt nothing
python -m experiments.fast_style --preset=vgg19_block3 --dataset=FOLDER --style=a.jpg,b.jpg     two styles, and between
python -m experiments.fast_style --preset=adain --dataset=FOLDER --style=FOLDER                 AdaIN: any style
python -m experiments.fast_style --stylize_only=photo.jpg         paints with a trained run; a folder, or a GIF, too
python -m experiments.fast_style --stylize_only=FOLDER --mix=a:0.5,b:0.5
python -m experiments.fast_style --model=adain --stylize_only=photo.jpg --style=other.jpg --strength=0.7

Weights of VGG and SqueezeNet are files: see --weights. What it looks like, and how long it takes:
experiments/results/fast_style.md. Painted pixel by pixel, without training: experiments/style.py.
"""

import functools
import sys
from collections.abc import Iterator
from typing import Any

import jax

from experiments import classify
from jaxgen.core import loop
from jaxgen.core.config import fitted
from jaxgen.core.types import Fold, Refused
from jaxgen.figures import painted
from jaxgen.run import cli, stylizing
from jaxgen.run.crop_reader import read_crops
from jaxgen.run.experiment import Choice, Data, Experiment, Reader, Setting, Watch
from jaxgen.run.stylizing import PaintFlags
from jaxgen.techniques.imagery import adain, fast_style

PRESETS: dict[str, dict[str, Any]] = {
    # By the first three blocks of VGG19.
    "vgg19_block3": {
        "network": "vgg19",
        "variation": 2.0,
        "crop": 160,
        "batch_size": 2,
        "steps": 2500,
        "schedule": "cosine",
        "log_every": 100,
        "eval_every": 1000,
        "checkpoint_every": 500,
    },
    # By the real weights of SqueezeNet.
    "squeezenet": {
        "network": "squeezenet",
        "variation": 2.0,
        "crop": 192,
        "batch_size": 2,
        "steps": 4000,
        "schedule": "cosine",
        "log_every": 25,
        "eval_every": 500,
        "checkpoint_every": 100,
    },
    # VGG19 again; each square of a style image is a style.
    "adain": {
        "model": "adain",
        "network": "vgg19",
        "style_weight": 3.0,
        "learning_rate": 1e-3,
        "variation": 2.0,
        "style_height": 512,
        "crop": 128,
        "batch_size": 2,
        "steps": 1200,
        "schedule": "cosine",
        "log_every": 100,
        "eval_every": 500,
        "checkpoint_every": 500,
    },
}
PAINTERS = {"johnson": fast_style, "adain": adain}
# Where flags say nothing, by network: the content's layers and the style's, and adain's encoder.
LAYERS = {
    "auto": ("block2_conv1:10", "block1_conv1,block2_conv1,block3_conv1", "block2_conv1"),
    "vgg19": ("block3_conv3:1", "block1_conv1,block2_conv1,block3_conv1,block3_conv4", "block3_conv1"),
    "vgg16": ("block3_conv3:1", "block1_conv2,block2_conv2,block3_conv3,block4_conv3", "block4_conv1"),
    "squeezenet": ("fire4:1", "conv1,fire2,fire3,fire4,fire5,fire7", "fire3"),
}


def with_layers(config: Any, network: str) -> dict[str, str]:
    """The layers of a Config, by field, with defaults where they are empty. Raises Refused where there are none."""
    fields = [name for name in ("content_layers", "style_layers", "layer") if hasattr(config, name)]
    defaults = dict(zip(("content_layers", "style_layers", "layer"), LAYERS.get(network, ("", "", ""))))
    chosen = {name: getattr(config, name) or defaults[name] for name in fields}
    if missing := [name for name, text in chosen.items() if not text]:
        raise Refused(f"--{missing[0]} must be given: of {network} there is no default")
    return chosen


def read(flags: PaintFlags, config: Any) -> Data:
    """The crops, the network and the styles. Raises Refused, see `read_crops`."""
    module = next(module for module in PAINTERS.values() if isinstance(config, module.Config))
    texts = with_layers(config, flags.network)
    config = fitted(config, texts)
    data = read_crops(flags, module.needed(config), module.layers(config), classify.EXPERIMENT, module is adain)
    data = data._replace(facts={**data.facts, **texts})
    module.make(fitted(config, data.facts))
    return data


def beginnings(setting: Setting) -> Iterator[Fold]:
    """The losses of the network as it was drawn."""
    technique = setting.module.make(setting.config, *setting.optimizers(1))
    fold, seed = technique.evaluate, setting.flags.seed

    def add(state, key, tally, batch, mask):
        begun = technique.init(loop.stage_keys(jax.random.key(seed), 0)[0])
        return fold.add(begun, key, tally, batch, mask)

    named = lambda values: {f"first_{name}": value for name, value in values.items()}
    about = {f"first_{name}": f"{text}; before training" for name, text in fold.definitions.items()}
    yield Fold(fold.start, add, lambda tally: named(fold.finish(tally)), about)


EXPERIMENT = Experiment(
    name="experiments.fast_style",
    doc=__doc__ or "",
    title="Fast style transfer",
    text="A network is trained to paint photographs so that a fixed network sees their content in them, and the "
    "statistics of a style. Then it paints any image in one pass.",
    technique=Choice("model", "one or several styles that are learnt; or any style, by its statistics", PAINTERS),
    data=Reader(PaintFlags, read),
    presets=PRESETS,
    defaults={
        "width": 16,
        "crop": 96,
        "batch_size": 4,
        "variation": 2.0,
        "learning_rate": 2e-3,
        "steps": 200,
        "log_every": 10,
        "eval_every": 50,
        "checkpoint_every": 100,
    },
    watch=Watch(painted.look, at_start=True),
    beginnings=beginnings,
    show=painted.show,
    instead=functools.partial(stylizing.stylize_only, modules=PAINTERS, classifier=classify.EXPERIMENT),
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
