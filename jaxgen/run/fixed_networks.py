"""A fixed network with its weights, from flags: a pretrained one, that of a run of ours, or a small one."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.places import cache_folder
from jaxgen.data.weights.locate import locate
from jaxgen.data.weights.read import read
from jaxgen.nets.pretrained.assemble import assemble, held
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import Network, asked
from jaxgen.nets.pretrained.networks import NETWORKS
from jaxgen.run import judges
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment
from jaxgen.run.flags import DATA, MACHINE, RunFlags
from jaxgen.run.load import load_run
from jaxgen.run.machine import AUTO
from jaxgen.run.provenance import fingerprint
from jaxgen.run.workdir import read_config

CLASSIFIERS = ("jaxgen.techniques.vision.cnn", "jaxgen.techniques.vision.mlp")
RANDOM = "random"  # instead of a file of weights
SMALL = "classifier_of_numerals"  # directory in the cache folder
# A judge of numerals differs from the network it judges in its layers, first parameters and training images.
JUDGE, ANOTHER = "judge_of_numerals", ("--seed=1", "--network=mlp", "--hidden=300,100", "--noise=0.5", "--shift=2")


@dataclasses.dataclass(frozen=True)
class WeightFlags:
    """Which network, and where its weights are from."""

    network: str = knob(
        "auto",
        f"{', '.join(NETWORKS)}, or the directory of a run of experiments.classify; auto: a small classifier of "
        "numerals, trained first, once",
        free=True,
        group=DATA,
    )
    weights: str = knob(
        "",
        f"a file of the network's weights (Keras, torch, safetensors), or {RANDOM}; without: of DATA_DIR/weights",
        free=True,
        group=DATA,
    )
    download: bool = knob(False, "fetch the network's weights where there are none", free=True, group=DATA)
    compilation_cache: str = knob(
        AUTO,
        "a directory to keep compiled programs in; auto: in the cache folder; empty: none",
        free=True,
        group=MACHINE,
    )


F = TypeVar("F", bound=WeightFlags)


@dataclasses.dataclass(frozen=True)
class NetworkFlags(WeightFlags, RunFlags):
    """The flags of an experiment with a fixed network."""


def learnt_or_random(flags: F) -> F:
    """The flags, whose network is VGG19 with random weights where none is named."""
    return dataclasses.replace(flags, network="vgg19", weights=RANDOM) if flags.network == "auto" else flags


class Fixed(NamedTuple):
    """A network that is not trained any further."""

    network: Network
    description: tuple[str, ...]  # see `nets.pretrained.described`
    variables: Any
    labels: tuple[str, ...]  # names of its classes, () where they are ImageNet's
    own_shape: tuple[int, int, int] | tuple[()]  # H, W, C of the images it was trained on, () where it reads any
    origin: str  # where its weights are from, in a line


def fixed(flags: Any, names: Callable[[Network], Sequence[str]], classifier: Experiment) -> Fixed:
    """The network that --network names, with the weights that some activations need.

    Args:
        flags: those of WeightFlags, and `data_dir`.
        names: the network -> the activations that are to be asked for.
        classifier: the experiment that trains a small one, by its preset `numerals`.

    Raises:
        Refused: there is no such network, file or run, the file lacks layers or does not fit, or there is no activation
            of a name.
    """
    if flags.network in NETWORKS:
        return _pretrained(flags, names)
    if flags.weights or flags.download:
        raise Refused(f"--weights and --download are of {', '.join(NETWORKS)}, not of --network={flags.network}")
    if flags.network == "auto":
        return _of_run(_of_numerals(flags, SMALL, (), classifier), names)
    if not Path(flags.network).expanduser().exists():
        raise Refused(
            f"--network={flags.network} is neither a directory nor a network; there are {', '.join(NETWORKS)} and auto"
        )
    return _of_run(flags.network, names)


def judging(flags: Any, labels: tuple[str, ...], classifier: Experiment) -> Fixed:
    """The classifier that --judge names, of these classes.

    Raises Refused where there is no such run, it is no classifier, or its classes are others.
    """
    auto = flags.judge == "auto"
    directory = _of_numerals(flags, JUDGE, ANOTHER, classifier) if auto else flags.judge
    judge = _of_run(directory, lambda network: network.activations[-1:], "judge")
    if judge.labels != labels:
        classes = ", ".join(labels[:20]) or "those of ImageNet"
        raise Refused(f"--judge={flags.judge} tells {', '.join(judge.labels[:20])} apart, and not {classes}")
    return judge


def _of_numerals(flags, name, more, classifier):
    """The directory of a small classifier of numerals, trained where there is none."""
    directory = os.fspath(cache_folder() / name)
    argv = ["--preset=numerals", *more, f"--workdir={directory}", f"--compilation_cache={flags.compilation_cache}"]
    judges.ensure(directory, lambda: conduct(classifier, argv))
    return directory


def available(flags: Any) -> tuple[str, ...]:
    """The activations that the weights of a pretrained network suffice for, in the order of computing.

    A file with its classifier is preferred to one without. Raises Refused where there is neither, or it is damaged.
    """
    if flags.weights == RANDOM:
        return network_of((flags.network, "keras")).activations
    try:
        locate(flags.network, flags.weights, flags.data_dir, True, flags.download)
        top = True
    except Refused:
        top = False
    network, tensors, _ = _opened(flags, top)
    return held(network, tensors)


def _opened(flags, top):
    """A pretrained network, the tensors of its file, and the file's path."""
    path = locate(flags.network, flags.weights, flags.data_dir, top, flags.download)
    tensors = read(path)
    return network_of((flags.network, tensors.layout)), tensors, path


def _pretrained(flags, names):
    if flags.weights == RANDOM:
        return _random(flags.network, names)
    network = network_of((flags.network, "keras"))
    top = "predictions" in asked(network, names(network))
    network, tensors, path = _opened(flags, top)
    description = (flags.network, tensors.layout)
    try:
        variables = assemble(network, tensors, names(network))
    except Refused as refusal:
        raise Refused(f"{path}: {refusal}") from refusal
    return Fixed(network, description, variables, (), (), f"{flags.network} with the weights of {path}")


def _random(name, names):
    """A network that learnt nothing: He-normal kernels from one fixed key (Ustyuzhaninov et al. 2016)."""
    description = (name, "keras")
    network = network_of(description)
    variables = network.init(jax.random.key(0), names(network))
    return Fixed(network, description, variables, (), (), f"{name} with random weights, without any training")


def _of_run(directory, names, flag="network"):
    config = read_config(directory)
    last = (config["stages"] or [{}])[-1]
    fields = last.get("config", {})
    if last.get("technique") not in CLASSIFIERS:
        raise Refused(f"--{flag}={directory} is a run of {last.get('technique', 'many networks')}, no classifier")
    size = "x".join(map(str, fields["shape"]))
    norm = "batch_norm" if fields["batch_norm"] else ""
    classes, state = str(len(fields["labels"])), load_run(directory).state
    widths = (fields.get("channels", ""), fields["hidden"])
    description = ("cnn", size, *widths, fields["activation"], norm, classes)
    network = network_of(description)
    asked(network, names(network))
    variables = {"params": state.params, **dict(state.carry or {})}
    digits = fingerprint(variables)[:12]
    origin = f"a classifier of {size} images in {classes} classes, {directory}, parameters {digits}"
    return Fixed(network, description, variables, tuple(fields["labels"]), tuple(fields["shape"]), origin)
