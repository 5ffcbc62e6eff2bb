"""Where State, arrays and batches live when there are several devices: State and what is shared on each, batches split.

Which leaves are split is declared and never guessed from shapes: examples are, `Source.shared` is not, and of the State
only `Technique.streams` are; or parameters and the optimiser's state too, where a Layout has them `apart`.
"""

from typing import Any, NamedTuple, TypeVar

import jax

from jaxgen.core.progress import Progress
from jaxgen.core.types import Holdout, Source, Stage, State, Technique

S = TypeVar("S", Source, Holdout)


class Layout(NamedTuple):
    """How a run uses several devices."""

    whole: jax.sharding.NamedSharding  # on each device
    batches: jax.sharding.NamedSharding  # split along the leading axis
    apart: bool = False  # whether parameters and the optimiser's state are split too, each leaf as `split` says


def place(tree: Any, layout: Layout | None) -> Any:
    """The pytree, whole on each device; where it is, if there is no layout."""
    return tree if layout is None else jax.device_put(tree, layout.whole)


def place_state(technique: Technique, state: State, layout: Layout | None) -> State:
    """The State on the devices: its `streams` split, parameters and the optimiser's state where they are `apart`."""
    if layout is None:
        return state
    both = state.params, state.opt
    params, opt = jax.device_put(both, split(both, layout) if layout.apart else layout.whole)
    state = place(state._replace(params=(), opt=()), layout)._replace(params=params, opt=opt)
    streams = {name: jax.device_put(state.carry[name], layout.batches) for name in technique.streams}
    return state._replace(carry=state.carry | streams) if streams else state


def place_progress(progress: Progress, layout: Layout | None) -> Progress:
    """The Progress on the devices; the parameters that it keeps are where the State's are."""
    if layout is None or not layout.apart or not progress.kept:
        return place(progress, layout)
    kept = jax.device_put(progress.kept[0], split(progress.kept[0], layout)), place(progress.kept[1], layout)
    return place(progress._replace(kept=()), layout)._replace(kept=kept)


def split(tree: Any, layout: Layout) -> Any:
    """Where each leaf of the pytree lives when no device has it whole: split along its largest axis that can be.

    A pytree of shardings. Leaves of which the number of devices divides no axis live on each, and so do PRNG keys.
    """
    (name,), count = layout.whole.mesh.axis_names, layout.whole.mesh.size

    def leaf(array):
        lengths = () if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key) else array.shape
        divided = [length if length % count == 0 else 0 for length in lengths]
        if not any(divided):
            return layout.whole
        spec = [None] * divided.index(max(divided)) + [name]
        return jax.sharding.NamedSharding(layout.whole.mesh, jax.sharding.PartitionSpec(*spec))

    return jax.tree.map(leaf, tree)


def kept_apart(technique: Technique, layout: Layout) -> Technique:
    """The technique, whose step finds parameters and the optimiser's state `split`, and leaves them so.

    Fully sharded data parallelism (Zhao et al. 2023, https://arxiv.org/abs/2304.11277), which the compiler works out:
    parameters are gathered for the forward and backward passes, and each device updates the part that it keeps.
    """

    def step(state, batch):
        gathered = state._replace(params=jax.lax.with_sharding_constraint(state.params, layout.whole))
        state, metrics = technique.step(gathered, batch)
        both = state.params, state.opt
        params, opt = jax.lax.with_sharding_constraint(both, split(both, layout))
        return state._replace(params=params, opt=opt), metrics

    return technique._replace(step=step)


def spread_streams(technique: Technique, layout: Layout) -> Technique:
    """The technique, whose step leaves its `streams` split along the leading axis."""
    if not technique.streams:
        return technique

    def step(state, batch):
        state, metrics = technique.step(state, batch)
        streams = {n: jax.lax.with_sharding_constraint(state.carry[n], layout.batches) for n in technique.streams}
        return state._replace(carry=state.carry | streams), metrics

    return technique._replace(step=step)


def spread(source: S, layout: Layout) -> S:
    """A Source or Holdout with the examples of its batches split along the leading axis.

    What is `shared` joins a batch after that: it stays whole on every device.
    """

    def take(*where):
        return jax.lax.with_sharding_constraint(source.take(*where), layout.batches)

    return source._replace(take=take)


def spread_whole(source: S, layout: Layout) -> S:
    """As `spread`, with the arrays placed on each device once, instead of by each call."""
    arrays, shared = place((source.arrays, dict(source.shared)), layout)
    return spread(source, layout)._replace(arrays=arrays, shared=shared)


def spread_stage(stage: Stage, layout: Layout) -> Stage:
    """The stage with its batches, in training and evaluation, and its streams split over the devices."""
    technique = spread_streams(stage.technique, layout)
    return stage._replace(
        technique=kept_apart(technique, layout) if layout.apart else technique,
        source=spread(stage.source, layout),
        valid=stage.valid and spread(stage.valid, layout),
    )
