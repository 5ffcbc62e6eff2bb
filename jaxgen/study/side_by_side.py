"""Three ways to apply a function of one run to W runs.

A function `f(shared, run)` of what all runs read and of what is one run's own becomes a function of `shared` and of
runs stacked along a leading axis [W]. The devices of this process divide the runs among them; none waits
for another.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.compiling import options

MODES = ("vmap", "map", "single")
MEANING = {
    "vmap": "all runs in every operation (jax.vmap)",
    "map": "run after run inside one compiled program (jax.lax.map)",
    "single": "run after run from Python",
}

# What draws first parameters takes 3.2 s to compile for vmapped runs, with these 0.4 (of an MLP, jax 0.10.2).
HASTE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def haste() -> dict[str, Any]:
    """Compiler options of what runs once and computes little; none but on a CPU, whose compiler they are of."""
    return dict(HASTE) if jax.default_backend() == "cpu" else {}


def lifted(f: Callable[[Any, Any], Any], mode: str, once: bool = False) -> Callable[[Any, Any], Any]:
    """`f` over the leading axis of its second argument, compiled; that argument is donated, unless `once`.

    Args:
        f: (shared, run) -> a pytree.
        mode: one of MODES. In the first two, W must be a multiple of the number of devices.
        once: whether it is called but once and computes little: it compiles in an eighth of the time, to slower code.
    """
    donated = () if once else 1
    chosen: Any = haste() if once else options()
    if mode == "single":
        single = jax.jit(f, donate_argnums=donated, compiler_options=chosen)

        def one_by_one(shared, runs):
            # On one device from the first call on: an array on another one later would compile everything again.
            shared, runs = jax.device_put((shared, runs), jax.local_devices()[0])
            width = len(jax.tree.leaves(runs)[0])
            # All are cut out before the first is called: they are donated one by one.
            each = [jax.tree.map(lambda leaf, n=n: leaf[n], runs) for n in range(width)]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[single(shared, run) for run in each])

        return one_by_one

    def every(shared, runs):
        one = lambda run: f(shared, run)
        return jax.vmap(one)(runs) if mode == "vmap" else jax.lax.map(one, runs)

    if jax.local_device_count() > 1:
        spec = jax.sharding.PartitionSpec
        every = jax.shard_map(
            every, mesh=_mesh(), in_specs=(spec(), spec("runs")), out_specs=spec("runs"), check_vma=False
        )
    return jax.jit(every, donate_argnums=donated, compiler_options=chosen)


def _mesh() -> jax.sharding.Mesh:
    return jax.sharding.Mesh(np.array(jax.local_devices()), ("runs",))


def replicated(tree: Any) -> Any:
    """The arrays on every device, where all runs read them."""
    if jax.local_device_count() == 1:
        return tree
    return jax.device_put(tree, jax.sharding.NamedSharding(_mesh(), jax.sharding.PartitionSpec()))


def runs_at_once(count: int, bytes_each: int, budget: int) -> int:
    """How many runs to train at once, so that `count` runs make equal parts of at most `budget` bytes.

    It is a multiple of the number of devices, so the last part may have to be filled up with copies.
    """
    devices = jax.local_device_count()
    most = max(devices, budget // max(bytes_each, 1) // devices * devices)
    parts = -(-count // most)
    return -(-count // (parts * devices)) * devices
