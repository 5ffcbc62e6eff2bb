"""Where State, arrays and batches live when there are several devices: State and what is shared on each, batches split.

Which leaves are split is declared and never guessed from shapes: examples are, `Source.shared` is not, and of the State
only `Technique.streams` are.
"""

from typing import Any, TypeVar

import jax

from jaxgen.core.types import Holdout, Source, Stage, State, Technique

S = TypeVar("S", Source, Holdout)


def place(tree: Any, sharding: jax.sharding.Sharding | None) -> Any:
    """The pytree on the devices of the sharding; where it is, if that is None."""
    return tree if sharding is None else jax.device_put(tree, sharding)


def split_streams(technique: Technique, state: State, sharding: jax.sharding.Sharding | None) -> State:
    """The State with its `streams` split along their leading axis over the devices that `sharding` has the rest on."""
    if sharding is None or not technique.streams:
        return state
    assert isinstance(sharding, jax.sharding.NamedSharding)
    batches = jax.sharding.NamedSharding(sharding.mesh, jax.sharding.PartitionSpec(*sharding.mesh.axis_names))
    streams = {name: jax.device_put(state.carry[name], batches) for name in technique.streams}
    return state._replace(carry=state.carry | streams)


def spread_streams(technique: Technique, sharding: jax.sharding.Sharding) -> Technique:
    """The technique, whose step leaves its `streams` split along the leading axis, as `sharding` says."""
    if not technique.streams:
        return technique

    def step(state, batch):
        state, metrics = technique.step(state, batch)
        streams = {n: jax.lax.with_sharding_constraint(state.carry[n], sharding) for n in technique.streams}
        return state._replace(carry=state.carry | streams), metrics

    return technique._replace(step=step)


def spread(source: S, sharding: jax.sharding.Sharding) -> S:
    """A Source or Holdout with the examples of its batches split along the leading axis, as `sharding` says.

    What is `shared` joins a batch after that: it stays whole on every device.
    """

    def take(*where):
        return jax.lax.with_sharding_constraint(source.take(*where), sharding)

    return source._replace(take=take)


def spread_whole(source: S, whole: jax.sharding.Sharding, batches: jax.sharding.Sharding) -> S:
    """As `spread`, with the arrays placed on each device once, as `whole` says, instead of by each call."""
    arrays, shared = place((source.arrays, dict(source.shared)), whole)
    return spread(source, batches)._replace(arrays=arrays, shared=shared)


def spread_stage(stage: Stage, batches: jax.sharding.Sharding) -> Stage:
    """The stage with its batches, in training and evaluation, and its streams split over the devices of `batches`."""
    return stage._replace(
        technique=spread_streams(stage.technique, batches),
        source=spread(stage.source, batches),
        valid=stage.valid and spread(stage.valid, batches),
    )
