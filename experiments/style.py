"""Style transfer: a photograph painted as other images are, optimised pixel by pixel.

python -m experiments.style                                       embedded photographs, a network that learnt nothing
python -m experiments.style --preset=vgg19_block3 --content=photo.jpg --style=painting.jpg --height=400
python -m experiments.style --preset=chollet --content=photo.jpg --style=painting.jpg      the whole of VGG19
python -m experiments.style --preset=squeezenet --content=photo.jpg --style=painting.jpg --height=400
python -m experiments.style --preset=vgg19_block3 --content=photo.jpg --style=a.jpg,b.jpg --style_weights=2,1
python -m experiments.style --preset=vgg19_block3 --content=photo.jpg --style=a.jpg,b.jpg --masks=left.png,right.png
python -m experiments.style --preset=vgg19_block3 --content=photo.jpg --style=painting.jpg --colours=luminance
python -m experiments.style --preset=vgg19_block3 --content=large.jpg --style=painting.jpg --scales=4 --tile=512

Weights of VGG and SqueezeNet are files: see --weights. An update is one evaluation of loss and gradient. What it looks
like, and how long it takes: experiments/results/style.md.
"""

import functools
import math
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from experiments import classify
from jaxgen.core.config import fitted
from jaxgen.core.types import Fold, Stage
from jaxgen.figures import stylized
from jaxgen.run import cli
from jaxgen.run.experiment import Data, Experiment, Reader, Setting, Watch, fits, shares, sharing, stage, updates
from jaxgen.run.style_reader import NOISE, StyleFlags, read_style
from jaxgen.run.style_targets import coloured, targets
from jaxgen.techniques.imagery import style

DEEP = ",".join(f"block{n}_conv1" for n in range(1, 6))
BLOCKS = "block1_conv1,block2_conv1,block3_conv1,block3_conv4"
FIRES = "conv1,fire2,fire3,fire4,fire5,fire7"
PRESETS: dict[str, dict[str, Any]] = {
    # Chollet & Allaire, section 8.3, of 20 iterations of 20 evaluations; the style's weight is shared by its layers.
    "chollet": {
        "network": "vgg19",
        "content_layers": "block5_conv2:0.025",
        "style_layers": ",".join(f"{layer}:0.2" for layer in DEEP.split(",")),
        "normalisation": "book",
        "variation": 1e-4,
        "height": 400,
        "steps": 400,
    },
    # What the first three blocks of VGG19 have.
    "vgg19_block3": {
        "network": "vgg19",
        "content_layers": "block3_conv3:0.1",
        "style_layers": BLOCKS,
        "variation": 5.0,
        "steps": 200,
    },
    "squeezenet": {
        "network": "squeezenet",
        "content_layers": "fire4:0.1",
        "style_layers": FIRES,
        "variation": 5.0,
        "steps": 200,
    },
}


def read(flags: StyleFlags, config: Any) -> Data:
    """The images and the network. Raises Refused, see `read_style`."""
    data = read_style(flags, config, classify.EXPERIMENT)
    fits(style.make(fitted(config, data.facts)), data)  # Refused: see `cuts`
    return data


def sizes(height: int, width: int, scales: int) -> list[tuple[int, int]]:
    """H and W of the scales, the smallest first; the last is the result's."""
    return [(round(height / math.sqrt(2) ** n), round(width / math.sqrt(2) ** n)) for n in reversed(range(scales))]


def plan(setting: Setting) -> list[Stage]:
    """A stage for each scale. Raises Refused where there are fewer updates than scales."""
    flags, material = setting.flags, setting.data.examples
    height, width, channels = material.content.shape
    lengths = shares(updates(flags, setting.data.epoch), flags.scales)
    stages = []
    for size, steps in zip(sizes(height, width, flags.scales), lengths):
        config = fitted(setting.config, {"shape": (*size, channels)})
        data = setting.data
        if size != (height, width):
            data = sharing(data, **targets(material, config, config.shape))
        optimizer = setting.optimizers(steps)[0]
        adopt = functools.partial(adopted, config, optimizer, flags.start, material)
        stages.append(stage(setting._replace(data=data), config, steps, adopt))
    return stages


def adopted(config, optimizer, start, material, previous, key, arrays):
    """A scale's first State: from the scale before, or from what the run starts with."""
    state_key, noise_key = jax.random.split(key)
    if previous is not None:
        image = previous.carry["shown"]
    elif start == NOISE:
        image = jax.random.uniform(noise_key, config.shape, jnp.float32)
    else:
        image = coloured(material, arrays["image"][0] if material.start is None else material.start)
    return style.begun(config, optimizer, state_key, image)


def beginnings(setting: Setting) -> Iterator[Fold]:
    """The losses of the content image, where all of the style is still to come, and of noise, which has no content."""
    material, config = setting.data.examples, fitted(setting.config, {"shape": setting.data.examples.content.shape})
    whole, about = setting.module.make(config).evaluate, style.definitions(config)
    content = lambda key, batch: coloured(material, batch["image"][0])
    noise = lambda key, batch: jax.random.uniform(key, config.shape, jnp.float32)
    for name, image, what in (("first", content, "of the content image"), ("random", noise, "of uniform noise")):

        def add(state, key, tally, batch, mask, image=image):
            return whole.add(style.showing(state, image(key, batch)), key, tally, batch, mask)

        finish = lambda tally, name=name: {f"{name}_{metric}": value for metric, value in tally.items()}
        definitions = {f"{name}_{metric}": f"{text}: {what}" for metric, text in about.items()}
        yield Fold(whole.start, add, finish, definitions, "lower")


EXPERIMENT = Experiment(
    name="experiments.style",
    doc=__doc__ or "",
    title="Style transfer",
    text="An image is changed until a fixed network sees in it what it sees in the content image, and statistics of "
    "its features are those of the styles.",
    technique=style,
    data=Reader(StyleFlags, read),
    presets=PRESETS,
    defaults={
        "content_layers": "block2_conv1:1",
        "style_layers": BLOCKS,
        "variation": 2.0,
        "height": 160,
        "steps": 40,
        "optimizer": "lbfgs",
        "batch_size": 1,
        "log_every": 5,
        "eval_every": 10,
        "checkpoint_every": 20,
    },
    plan=plan,
    watch=Watch(stylized.look),
    beginnings=beginnings,
    show=stylized.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
