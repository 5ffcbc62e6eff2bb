"""Where State, arrays and batches live when there are several devices: State and what is shared on each, batches split.

The devices may be those of several processes, of which each then calls these functions alike, with the same values.

Which leaves are split is declared and never guessed from shapes: examples are, `Source.shared` is not, and of the State
only `Technique.streams` are; or parameters and the optimiser's state too, where a Layout has them `apart`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from jaxgen.core.progress import Progress
from jaxgen.core.types import Holdout, Source, Stage, State, Technique

S = TypeVar("S", Source, Holdout)


class Layout(NamedTuple):
    """How a run uses several devices."""

    whole: jax.sharding.NamedSharding  # on each device
    batches: jax.sharding.NamedSharding  # split along the leading axis
    apart: bool = False  # whether parameters and the optimiser's state are split too, each leaf as `split` says


def put(tree: Any, where: Any) -> Any:
    """The pytree's leaves where `where` says: a sharding, or a pytree of them."""
    if isinstance(where, jax.sharding.Sharding):
        where = jax.tree.map(lambda _: where, tree)
    if all(each.is_fully_addressable for each in jax.tree.leaves(where)):
        return jax.device_put(tree, where)
    return jax.tree.map(_over_processes, tree, where)


def _over_processes(leaf, sharding):
    """A leaf that each process has, or that lives on the devices of all of them, on others of these."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _over_processes(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    array = np.asarray(leaf)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def local(tree: Any, layout: Layout | None) -> Any:
    """The pytree, whole on a device of this process: for programs that it runs without the others.

    Every process has to call it, as leaves that are split are gathered. Where there is one process it has all devices,
    and leaves are left where they are.
    """

    def leaf(array):
        if layout is None or not isinstance(array, jax.Array) or array.is_fully_addressable:
            return array
        return put(array, layout.whole).addressable_data(0)

    return jax.tree.map(leaf, tree)


def place(tree: Any, layout: Layout | None) -> Any:
    """The pytree, whole on each device; where it is, if there is no layout."""
    return tree if layout is None else put(tree, layout.whole)


def places(technique: Technique, state: State, layout: Layout) -> State:
    """Where each leaf of a State lives: `streams` split, parameters and the optimiser's state where they are `apart`.

    `state` has arrays or their shapes; what is returned has shardings.
    """
    whole = jax.tree.map(lambda _: layout.whole, state)
    params, opt = split((state.params, state.opt), layout) if layout.apart else (whole.params, whole.opt)
    streams = {name: jax.tree.map(lambda _: layout.batches, state.carry[name]) for name in technique.streams}
    return whole._replace(params=params, opt=opt, carry=whole.carry | streams if streams else whole.carry)


def places_of_progress(progress: Progress, layout: Layout) -> Progress:
    """Where each leaf of a Progress lives; the parameters that it keeps are where the State's are."""
    whole = jax.tree.map(lambda _: layout.whole, progress)
    if not layout.apart or not progress.kept:
        return whole
    return whole._replace(kept=(split(progress.kept[0], layout), whole.kept[1]))


def described(technique: Technique, shapes: tuple[State, Progress], layout: Layout | None) -> tuple[State, Progress]:
    """The shapes of State and Progress with where they live; as they are, if there is no layout."""
    if layout is None:
        return shapes
    state, progress = shapes
    where = places(technique, state, layout), places_of_progress(progress, layout)
    return jax.tree.map(lambda a, there: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=there), shapes, where)


def place_state(technique: Technique, state: State, layout: Layout | None) -> State:
    """The State on the devices, see `places`; where it is, if there is no layout."""
    return state if layout is None else put(state, places(technique, state, layout))


def place_progress(progress: Progress, layout: Layout | None) -> Progress:
    """The Progress on the devices, see `places_of_progress`; where it is, if there is no layout."""
    return progress if layout is None else put(progress, places_of_progress(progress, layout))


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

    What is `shared` joins a batch after that: it stays whole on every device. Of what is fetched, a process reads the
    rows that its devices compute with.
    """

    def take(*where):
        return jax.lax.with_sharding_constraint(source.take(*where), layout.batches)

    fetch = source.fetch and _own_rows(source.fetch, layout)
    return source._replace(take=take, fetch=fetch)


def _own_rows(fetch: Callable, layout: Layout) -> Callable:
    """The `fetch` of a Source or Holdout, each process reading its rows of every batch."""
    processes = sorted({device.process_index for device in layout.whole.mesh.devices.flat})
    if len(processes) == 1:
        return fetch
    part = processes.index(jax.process_index()), len(processes)
    rows = jax.sharding.NamedSharding(layout.whole.mesh, jax.sharding.PartitionSpec(None, *layout.batches.spec))

    def own(*which):
        read = fetch(*which, part=part)
        return lambda: jax.tree.map(lambda each: jax.make_array_from_process_local_data(rows, each), read())

    return own


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
