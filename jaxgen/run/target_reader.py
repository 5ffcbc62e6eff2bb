"""Classes and channels of a fixed network as the data of a run, with what the images of them are compared with."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset
from jaxgen.data.images import sets
from jaxgen.data.sources import beside, holdout, resident
from jaxgen.nets.pretrained.network import Network
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.fixed_networks import Fixed, NetworkFlags, fixed, judging
from jaxgen.run.flags import DATA
from jaxgen.run.provenance import fingerprint

PHOTOGRAPH = 224  # pixels a side of the images of --examples, where a network reads any size


@dataclasses.dataclass(frozen=True)
class TargetFlags(NetworkFlags):
    """The flags of feature visualisation."""

    targets: str = knob("", "classes by name, or channels by number: 0-9 or a,b,c; empty: the first ten", free=True)
    size: int = knob(
        0,
        "pixels a side of the images; 0: what the classifier reads, or 128",
        lower=0,
        upper=4096,
        free=True,
        group=DATA,
    )
    judge: str = knob(
        "none",
        "another classifier of the same classes, which never sees the images before they are finished: the directory "
        "of a run of experiments.classify; auto: a small one of numerals, trained first, once",
        free=True,
        group=DATA,
    )
    examples: str = knob(
        "",
        "images of which those that excite each target most are shown beside it: a named set, or a path",
        free=True,
        group=DATA,
    )


class Targets(NamedTuple):
    """What figures need of the data."""

    names: tuple[str, ...]  # of the images
    fixed: Fixed
    layer: str
    numbers: tuple[int, ...]  # of the classes or channels
    judge: Fixed | None
    examples: Dataset | None


def numbered(text: str, names: Sequence[str], count: int) -> list[int]:
    """The targets of "a,b" or "0-9,12": numbers, or names of classes. Raises Refused for one that does not exist."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        span = re.fullmatch(r"(\d+)-(\d+)", part)
        if part in names:
            numbers.append(list(names).index(part))
        elif span and not names:
            numbers += range(int(span[1]), int(span[2]) + 1)
        elif span and span[1] in names and span[2] in names:
            numbers += range(list(names).index(span[1]), list(names).index(span[2]) + 1)
        elif part.isdecimal() and not names:
            numbers.append(int(part))
        else:
            raise Refused(f"--targets={text}: there is no {part!r}; known: {', '.join(names) or f'0-{count - 1}'}")
    numbers = numbers or list(range(min(10, count)))
    if max(numbers) >= count:
        raise Refused(f"--targets={text}: {max(numbers)} is not among 0-{count - 1}")
    return numbers


def read_targets(flags: TargetFlags, what: str, layer_of: Callable[[Network], str], classifier: Experiment) -> Data:
    """The network, and the targets as examples.

    Args:
        flags: the run's.
        what: "class", or what else of the layer is to be excited.
        layer_of: network -> the layer.
        classifier: see `fixed`.

    Raises Refused, see `fixed`, for targets that do not exist, and for a judge of other classes or sizes.
    """
    frozen = fixed(flags, lambda network: (layer_of(network),), classifier)
    layer, shape = layer_of(frozen.network), _shape(flags, frozen)
    names = frozen.labels if what == "class" else ()
    like = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    activation = jax.eval_shape(lambda v, x: frozen.network.apply(v, x, (layer,)), frozen.variables, like)[layer]
    numbers = numbered(flags.targets, names, activation.shape[-1])
    shown = tuple(names[n] if names else str(n) for n in numbers)
    print(f"network: {frozen.origin}; {what} of {layer}: {', '.join(shown)}")
    columns = {"target": np.array(numbers, np.int32)}
    judge = _judge(flags, what, frozen, shape, classifier)
    targets = Targets(shown, frozen, layer, tuple(numbers), judge, _examples(flags, frozen, shape))
    data = Data(
        {"network": frozen.description, "shape": shape, "count": len(numbers), "layer": layer},
        resident(columns, len(numbers), True),
        None,
        holdout(columns, len(numbers)),
        1,
        fingerprint((columns, frozen.variables)),
        targets,
        judged="last",
        counted=("images", len(numbers)),
    )
    data = sharing(data, network=jax.tree.map(jnp.asarray, frozen.variables))
    if judge is None or data.test is None:
        return data
    return data._replace(test=beside(data.test, judge=judge.variables))


def _shape(flags: TargetFlags, frozen: Fixed) -> tuple[int, int, int]:
    """H, W, C of the images."""
    own = frozen.own_shape
    side = flags.size or 128
    shape = own if own and not flags.size else (side, side, own[2] if own else 3)
    if min(shape[:2]) < frozen.network.least:
        least = f"{frozen.network.name} takes images of at least {frozen.network.least} pixels a side"
        raise Refused(f"--size={flags.size}: {least}")
    return shape


def _judge(flags: TargetFlags, what: str, frozen: Fixed, shape: Any, classifier: Experiment) -> Fixed | None:
    if flags.judge == "none":
        return None
    if what != "class":
        raise Refused(f"--judge is of classes, and --what={what} has none")
    judge = judging(flags, frozen.labels, classifier)
    if judge.own_shape != shape:
        raise Refused(f"--judge={flags.judge} reads images of {judge.description[1]}, not of {shape}")
    print(f"judge: {judge.origin}")
    return judge


def _examples(flags: TargetFlags, frozen: Fixed, shape: Any) -> Dataset | None:
    if not flags.examples:
        return None
    own = frozen.own_shape
    dataset = sets.load(flags.examples, flags.data_dir, 0 if own else max(PHOTOGRAPH, *shape[:2]))
    if (own and dataset.shape != own) or dataset.shape[2] != shape[2]:
        reads = own or f"{shape[2]} channels"
        raise Refused(f"--examples={flags.examples} has images of {dataset.shape}, and the network reads {reads}")
    return dataset
