"""Updates of networks of real sizes, compiled for several devices from shapes alone: nothing is executed.

The State is placed before and after an update as `core.sharding.place_state` does, the source's arrays are on each
device, and each takes its part of the batch. A run compiles chunks of such updates (`core/loop.py`).
"""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks import collectives, operations
from jaxgen.core.compiling import options
from jaxgen.core.sharding import Layout, split, spread_stage
from jaxgen.core.steps import NORMS
from jaxgen.core.types import Refused, Source, Stage, State, Technique
from jaxgen.data.text.reading import Reading
from jaxgen.run import machine
from jaxgen.techniques.autoencoders import vae
from jaxgen.techniques.text import gpt, lstm


class Network(NamedTuple):
    """A network of a real size and its batch."""

    about: str
    batch: int  # of each device, whatever their number
    make: Callable[[int], Technique]  # examples in a batch -> Technique
    example: dict[str, tuple[tuple[int, ...], Any]]  # entry of a batch -> shape and type of one example


def tokens(count: int) -> tuple[str, ...]:
    """A vocabulary of that size."""
    return tuple(map(str, range(count)))


def language(module: Any, vocabulary: int, **sizes: Any) -> Callable[[int], Technique]:
    """A network's `make`, of examples in a batch."""
    return lambda batch: module.make(module.Config(tokens(vocabulary), batch, **sizes))


NETWORKS = {
    "vae": Network(
        "VAE 784-512-2, images",
        128,
        lambda batch: vae.make(vae.Config(hidden=512, latent=2)),
        {"image": ((784,), jnp.uint8)},
    ),
    "lstm": Network(
        "LSTM-512, windows of 128 characters of 77",
        64,
        language(lstm, 77, reading=Reading(context=128), width=512),
        {"tokens": ((129,), jnp.int32), "fresh": ((), jnp.bool)},
    ),
    "gpt2": Network(
        "GPT-2 small, windows of 1,024 tokens of 50,257",
        8,
        language(gpt, 50257, reading=Reading("bpe", 1024), layers=12, heads=12, width=768, as_gpt2=True),
        {"tokens": ((1025,), jnp.int32), "fresh": ((), jnp.bool)},
    ),
}


class Compiled(NamedTuple):
    """What a compiled update has, as measured."""

    network: str
    shard: str
    devices: int
    found: list[collectives.Collective]
    temporary: int  # bytes of a device's arrays that live within an update only
    seconds: float  # to compile

    def times(self, kind: str) -> int:
        """How many collectives of this kind an update runs."""
        return sum(each.times for each in self.found if each.kind == kind)

    def total(self, kind: str) -> int:
        """Bytes of the collectives of this kind."""
        return sum(each.size * each.times for each in self.found if each.kind == kind)


def batch_of(network: Network, size: int) -> dict[str, jax.ShapeDtypeStruct]:
    """A batch of `size` examples, without its values."""
    return {name: jax.ShapeDtypeStruct((size, *shape), dtype) for name, (shape, dtype) in network.example.items()}


def whereabouts(technique: Technique, state: State, layout: Layout) -> State:
    """The sharding of each leaf of a State, as `core.sharding.place_state` places it; a State of shapes will do."""
    whole = lambda tree: jax.tree.map(lambda _: layout.whole, tree)
    both = state.params, state.opt
    params, opt = split(both, layout) if layout.apart else whole(both)
    places = whole(state)._replace(params=params, opt=opt)
    streams = {name: jax.tree.map(lambda _: layout.batches, state.carry[name]) for name in technique.streams}
    return places._replace(carry=places.carry | streams) if streams else places


def lowered(technique: Technique, batch: dict[str, jax.ShapeDtypeStruct], layout: Layout) -> jax.stages.Lowered:
    """One update as a run makes it: the source's arrays on each device, the State as it is placed, before and after."""
    state = jax.eval_shape(technique.init, jax.random.key(0))
    stage = spread_stage(Stage(technique, Source(batch, lambda arrays, key, n: arrays), 1), layout)

    def update(state, arrays):
        state, metrics = stage.technique.step(state, stage.source.take(arrays, state.key, state.step))
        return state, {name: value for name, value in metrics.items() if name not in NORMS}

    places = whereabouts(technique, state, layout)
    shardings: Any = {"in_shardings": (places, layout.whole), "out_shardings": (places, layout.whole)}
    return jax.jit(update, donate_argnums=0, compiler_options=options(), **shardings).lower(state, batch)


def measured(name: str, shard: str, devices: int) -> Compiled:
    """A network's update, compiled for the first `devices` of this process."""
    network, layout = NETWORKS[name], machine.layout(limit=devices, apart=shard == "params")
    if layout is None or layout.whole.mesh.size != devices:
        raise Refused(f"this process has {jax.device_count()} devices, and --devices={devices} needs more")
    size = network.batch * devices
    program, begun = lowered(network.make(size), batch_of(network, size), layout), time.perf_counter()
    compiled = program.compile()
    seconds = time.perf_counter() - begun
    memory: Any = compiled.memory_analysis()
    found = collectives.read(compiled.as_text() or "", devices)
    return Compiled(name, shard, devices, found, int(memory.temp_size_in_bytes), seconds)


def counted(network: Network) -> tuple[int, int]:
    """Parameters, and operations of the products of an update of one device's batch."""
    technique = network.make(network.batch)
    state = jax.eval_shape(technique.init, jax.random.key(0))
    parameters = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state.params))
    return parameters, operations.counted(technique.step, state, batch_of(network, network.batch))
