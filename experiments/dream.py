"""DeepDream: a photograph changed until what a network has learnt to see appears in it.

python -m experiments.dream                                       an embedded photograph, a small network of our own
python -m experiments.dream --preset=chollet --image=photo.jpg --height=400       InceptionV3, the book's layers
python -m experiments.dream --network=vgg19 --layers=block3_conv3 --image=photo.jpg
python -m experiments.dream --network=squeezenet --layers=fire6/12,fire8:0.5      a channel, and a whole layer
python -m experiments.dream --preset=chollet --guide=other.jpg    features like those of another image
python -m experiments.dream --preset=chollet --frames=10          ever deeper into the image
python -m experiments.dream --preset=chollet --image=large.jpg --tile=400 --jitter=32

Weights of VGG, InceptionV3 and SqueezeNet are files: see --weights. What it looks like, and how long it takes:
experiments/results/dream.md.
"""

import dataclasses
import functools
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp

from experiments import classify
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Fold, Refused, Stage
from jaxgen.figures import dreams
from jaxgen.nets.pretrained import terms
from jaxgen.nets.pretrained.network import Network
from jaxgen.ops.imaging import signed
from jaxgen.run import cli
from jaxgen.run.experiment import Data, Experiment, Reader, Setting, Watch, shares, sharing, stage, updates
from jaxgen.run.picture_reader import PictureFlags, guide_of, read_picture
from jaxgen.run.provenance import fingerprint
from jaxgen.techniques.imagery import deepdream

PRESETS: dict[str, dict[str, Any]] = {
    "chollet": {
        "network": "inception_v3",
        "layers": "mixed2:0.2,mixed3:3,mixed4:2,mixed5:1.5",
        "octaves": 4,
        "octave_scale": 1.4,
        "steps": 80,
        "learning_rate": 0.01,
        "max_loss": 10.0,
    },
}
LAYERS = {  # where --layers says nothing
    "vgg16": "block4_conv3",
    "vgg19": "block3_conv4",
    "inception_v3": "mixed4",
    "squeezenet": "fire8",
}


@dataclasses.dataclass(frozen=True)
class DreamFlags(PictureFlags):
    """The flags of a dream."""

    octaves: int = knob(4, "sizes in which the image is dreamt upon, the last its own", lower=1, upper=50)
    octave_scale: float = knob(1.4, "of each to the one before", above=1.0, upper=10.0)
    guide: str = knob("", "another image, whose features are to appear", free=True)
    frames: int = knob(1, "times that the image is dreamt upon, enlarged in between", lower=1, upper=10_000)
    zoom: float = knob(1.05, "by which it is enlarged about its centre for the next frame", lower=1.0, upper=4.0)


def wanted(layers: str, network: Network) -> str:
    """--layers, or what is dreamt of by default: of a classifier of ours, its last convolution.

    Raises Refused where that has none.
    """
    if not (layers or network.spatial):
        raise Refused(f"{network.name} has no convolutions to dream with")
    return layers or LAYERS.get(network.name) or network.spatial[-1]


def read(flags: DreamFlags, config: Any) -> Data:
    """The image and the network. Raises Refused, see `read_picture`, and for --layers that are none."""
    if config.layers:
        terms.terms(config.layers, "layers")
    names = lambda network: terms.names(terms.terms(wanted(config.layers, network), "layers"))
    data = read_picture(flags, names, classify.EXPERIMENT, flags.octave_scale ** (flags.octaves - 1))
    fixed = data.examples.fixed
    facts = {**data.facts, "layers": wanted(config.layers, fixed.network), "guide": bool(flags.guide)}
    print(f"network: {fixed.origin}")
    if flags.guide:
        guide = guide_of(flags.guide, flags, fixed, names(fixed.network))
        data = sharing(data, guide=guide)._replace(sha256=fingerprint((data.sha256, guide)))
    deepdream.make(fitted(config, facts))
    return data._replace(facts=facts)


def sizes(shape: Sequence[int], octaves: int, scale: float) -> list[tuple[int, int]]:
    """H and W of the octaves, the smallest first."""
    return [(int(shape[0] / scale**n), int(shape[1] / scale**n)) for n in reversed(range(octaves))]


def plan(setting: Setting) -> list[Stage]:
    """A stage for each octave of each frame. Raises Refused where there are fewer updates than stages."""
    flags, shape = setting.flags, setting.data.examples.image.shape
    octaves = sizes(shape, flags.octaves, flags.octave_scale)
    lengths = shares(updates(flags, setting.data.epoch), len(octaves) * flags.frames)
    stages = []
    for number, steps in enumerate(lengths):
        octave = number % len(octaves)
        config = fitted(setting.config, {"shape": (*octaves[octave], shape[2])})
        optimizer = setting.optimizers(steps)[0]
        smaller = octaves[octave - 1] if octave else None
        adopt = functools.partial(adopted, config, optimizer, smaller, flags.zoom)
        stages.append(stage(setting, config, steps, adopt))
    return stages


def adopted(config, optimizer, smaller, zoom, previous, key, arrays):
    """An octave's first State, from the last one of the octave before, or from the photograph where there is none."""
    if previous is None:
        original = image = signed(arrays["image"][0])
    elif smaller is None:
        original = image = deepdream.zoomed(deepdream.dreamt(previous), zoom)
    else:
        original, image = previous.carry["original"], deepdream.dreamt(previous)
    return deepdream.begun(config, optimizer, smaller, key, original, image)


def first_loss(setting: Setting) -> Iterator[Fold]:
    """The loss of the photograph itself, in its own size."""
    shape = setting.data.examples.image.shape
    whole = setting.module.make(fitted(setting.config, {"shape": shape})).evaluate

    def add(state, key, tally, batch, mask):
        photograph = {"image": signed(batch["image"][0])}
        return whole.add(state._replace(params=photograph), key, tally, batch, mask)

    finish = lambda tally: {"first_loss": tally}
    yield Fold(lambda: jnp.zeros((), jnp.float32), add, finish, {"first_loss": "the same of the photograph"}, "higher")


EXPERIMENT = Experiment(
    name="experiments.dream",
    doc=__doc__ or "",
    title="DeepDream",
    text="A photograph is changed, from small sizes to its own, so that chosen layers of a fixed network are excited.",
    technique=deepdream,
    data=Reader(DreamFlags, read),
    presets=PRESETS,
    defaults={
        "image": "flower",
        "steps": 80,
        "optimizer": "sgd",
        "batch_size": 1,
        "log_every": 10,
        "eval_every": 10,
        "checkpoint_every": 20,
    },
    plan=plan,
    watch=Watch(dreams.look),
    beginnings=first_loss,
    show=dreams.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
