"""Where State, arrays and batches live when there are several devices."""

from typing import Any

import jax

from jaxgen.core.types import State, Technique


def place(tree: Any, sharding: jax.sharding.Sharding | None) -> Any:
    """The pytree on the given devices; where it is, if `sharding` is None."""
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


def spread(source: Any, sharding: jax.sharding.Sharding) -> Any:
    """A Source or Sweep with every leaf of its batches split along the leading axis, as `sharding` says."""

    def take(*where):
        return jax.lax.with_sharding_constraint(source.take(*where), sharding)

    return source._replace(take=take)
