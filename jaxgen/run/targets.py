"""What in a network is asked for: the score of a class or of channels as a user writes it, and the layers below it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.network import Network, nearest
from jaxgen.nets.pretrained.networks import NETWORKS
from jaxgen.nets.pretrained.terms import PATTERN, Term, names, terms
from jaxgen.run.experiment import Experiment
from jaxgen.run.fixed_networks import Fixed, available, fixed

BLOCKS = re.compile(r"layer\d+|block\d+_conv\d+|mixed\d+|fire\d+")  # activations that a network is known by
SHOWN = 4  # of them
LISTED = 50  # classes in a message
VGG = (224, 224)  # pixels that its dense layers read


class Probe(NamedTuple):
    """A network with the activations that are needed of it."""

    fixed: Fixed
    layers: tuple[str, ...]  # that the score is made of
    below: str  # the layer whose features are to speak for it; "" where none has positions
    shown: tuple[str, ...]  # layers from the image up to the score

    @property
    def classes(self) -> bool:
        """Whether the score is that of a class."""
        return self.layers == self.fixed.network.activations[-1:]

    @property
    def names(self) -> tuple[str, ...]:
        """All activations that are needed, each once."""
        return _each(self.layers, self.below, self.shown)


def probe_of(flags: Any, target: str, layer: str, classifier: Experiment) -> Probe:
    """The network, with the layers that a target needs.

    Args:
        flags: see `fixed`.
        target: a class by name, or by number where its network has no names for them; or terms such as "mixed5/13",
            see `nets.pretrained.terms`. "": a class where there are weights for it, a channel otherwise.
        layer: whose features are looked at; "": the deepest one with positions that the score is computed from.
        classifier: see `fixed`.

    Raises Refused, see `fixed`, and where the layer has no positions or is not below the score.
    """
    reach = available(flags) if flags.network in NETWORKS and not target else ()

    def of(network: Network) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        layers = layers_of(network, target, reach)
        return layers, below(network, layers, layer), lower(network, layers)

    def needed(network: Network) -> tuple[str, ...]:
        return _each(*of(network))

    frozen = fixed(flags, needed, classifier)
    return Probe(frozen, *of(frozen.network))


def written(network: Network, target: str) -> bool:
    """Whether a target is written as terms whose layers the network has."""
    matches = [PATTERN.fullmatch(part.strip()) for part in target.split(",")]
    return all(match and match["layer"] in network.activations for match in matches)


def layers_of(network: Network, target: str, reach: Sequence[str]) -> tuple[str, ...]:
    """The layers that a target's score is made of.

    `reach` are the activations that a pretrained network's weights suffice for, () of others.
    """
    top, own = network.activations[-1], network.name not in NETWORKS
    if target and (written(network, target) or not (own or target.isdecimal())):
        return names(terms(target, "target"))
    blocks = [name for name in reach if BLOCKS.fullmatch(name)]
    return (top,) if target or own or top in reach or not blocks else (blocks[-1],)


def lower(network: Network, layers: Sequence[str]) -> tuple[str, ...]:
    """A few blocks from the image up to the deepest of the layers; that one itself where there is no block."""
    order = network.activations.index
    deepest = max((name for name in layers if name in network.activations), key=order, default="")
    within = [name for name in network.spatial if not deepest or order(name) <= order(deepest)]
    blocks = [name for name in within if BLOCKS.fullmatch(name)] or within[-1:]
    count = min(SHOWN, len(blocks))
    return tuple(dict.fromkeys(blocks[round(n)] for n in np.linspace(0, len(blocks) - 1, count))) if blocks else ()


def below(network: Network, layers: Sequence[str], layer: str) -> str:
    """The layer of that name, or the deepest one with positions that the layers of a score are computed from.

    Raises Refused where it has no positions, or comes after the score.
    """
    order = network.activations.index
    last = max((order(name) for name in layers if name in network.activations), default=len(network.activations))
    if layer in network.activations and layer not in network.spatial:
        raise Refused(f"--layer={layer} of {network.name} has no positions; {_few(network.spatial)} have")
    if layer in network.activations and order(layer) > last:
        raise Refused(f"--layer={layer} comes after {', '.join(layers)}, so that it has no part in the score")
    return layer or next((name for name in reversed(network.spatial) if order(name) <= last), "")


def activations_of(probe: Probe, image: np.ndarray) -> dict[str, np.ndarray]:
    """The activations of an image [H, W, 3], name -> [1, h, w, F] or [1, F]. Raises Refused where it is too small."""
    network = probe.fixed.network
    if min(image.shape[:2]) < network.least:
        height, width = image.shape[:2]
        raise Refused(f"{network.name} takes images of at least {network.least} pixels a side, not {height} x {width}")
    compute = jax.jit(lambda variables, image: network.apply(variables, image[None], probe.names))
    return {name: np.asarray(value) for name, value in compute(probe.fixed.variables, image).items()}


def score_of(
    probe: Probe, target: str, activations: Mapping[str, np.ndarray], nothing: Mapping[str, np.ndarray]
) -> tuple[Term, ...]:
    """The terms of the score. Without a target: the most probable class, or the channel that the image excites most.

    That is the one whose mean is most above that of an image of nothing; some channels are high whatever they see.

    Args:
        probe: what `probe_of` returned for this target.
        target: likewise.
        activations: of the image, name -> [1, h, w, F] or [1, F].
        nothing: the same of an image of one colour.

    Raises Refused for a class that does not exist.
    """
    network, labels = probe.fixed.network, probe.fixed.labels
    top = probe.layers[0]
    if not target:
        mean, without = (np.mean(each[top], tuple(range(each[top].ndim - 1))) for each in (activations, nothing))
        return (Term(top, int((mean if probe.classes else mean - without).argmax()), 1.0),)
    if written(network, target):
        return terms(target, "target")
    count = activations[top].shape[-1]
    if target in labels or (not labels and target.isdecimal() and int(target) < count):
        return (Term(top, labels.index(target) if labels else int(target), 1.0),)
    classes = _few(labels) if labels else f"0 to {count - 1}"
    near = ", ".join(nearest(target, network.activations))
    raise Refused(
        f"--target={target}: {network.name} has neither such a class (known: {classes}) nor such a layer ({near})"
    )


def words(probe: Probe, score: Sequence[Term]) -> str:
    """What a score is, for a reader."""

    def one(term: Term) -> str:
        if term.channel is None:
            return f"the mean square of {term.layer}"
        if term.layer != probe.fixed.network.activations[-1]:
            return f"the mean of channel {term.channel} of {term.layer}"
        return f"the logit of class {named(probe.fixed, term.channel)}"

    return " + ".join((f"{term.weight:g} x " if term.weight != 1 else "") + one(term) for term in score)


def named(frozen: Fixed, number: int) -> str:
    """A class by its name, or by its number where it has none."""
    return frozen.labels[number] if frozen.labels else str(number)


def size_of(probe: Probe) -> tuple[int, int] | None:
    """H and W of the only images that the layers can be computed of; None where any size will do."""
    network = probe.fixed.network
    if {*probe.layers} <= {*network.spatial}:
        return None
    if probe.fixed.own_shape:
        return probe.fixed.own_shape[:2]
    return VGG if "flatten" in network.activations else None


def _each(layers: Sequence[str], under: str, shown: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*layers, *filter(None, (under,)), *shown)))


def _few(listed: Sequence[str]) -> str:
    return ", ".join(listed[:LISTED]) + ", ..." * (len(listed) > LISTED) or "none"
