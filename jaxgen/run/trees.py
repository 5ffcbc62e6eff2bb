"""Pytrees of arrays as folders that Orbax writes and reads.

Orbax and tensorstore take a path for a pattern or an address: of brackets, backslashes and "gs:/" they make other
files than they then look for, and bytes that are no UTF-8 they refuse. A user's path is never handed to them where it
has more than plain characters: they get a link to its folder, made for as long as they are at work.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

NAME = "tree"  # of the folder that is written
PLAIN = re.compile(r"[A-Za-z0-9_.,+=@/-]*")  # in no format of a path do these mean anything else


def write(folder: Path, tree: Any) -> None:
    """Writes `tree` (arrays and typed PRNG keys) to `folder`/tree, which does not exist yet.

    Raises OSError, and RuntimeError or ValueError of tensorstore, where that fails.
    """
    import orbax.checkpoint as ocp  # slow to import: not before the first checkpoint

    with _plain(folder) as path, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path / NAME, tree)


def read(folder: Path, template: Any, on_host: bool = False) -> Any:
    """The pytree in `folder`/tree, whose leaves have the template's shapes and dtypes.

    They are where the template's are, on this process's first device where those say nothing. `on_host`: as NumPy
    arrays instead, but for PRNG keys.
    """
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def leaf(a):
        if on_host and not _is_key(a):
            return np.broadcast_to(np.zeros((), a.dtype), a.shape)
        return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=getattr(a, "sharding", None) or here)

    with _plain(folder) as path, _checkpointer(template) as checkpointer:
        return checkpointer.restore(path / NAME, jax.tree.map(leaf, template))


def _checkpointer(template: Any) -> Any:
    """Orbax's, which waits for all processes only where leaves are to live on the devices of several."""
    import orbax.checkpoint as ocp

    wheres = [getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(template)]
    if jax.process_count() == 1 or not all(where is None or where.is_fully_addressable for where in wheres):
        return ocp.StandardCheckpointer()
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(own, active_processes={own}, barrier_sync_key_prefix=f"process_{own}")
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def check(folder: Path, tree: Any) -> None:
    """Raises ValueError where `folder`/tree does not give back every leaf of `tree` bit for bit.

    Of leaves that are split over processes each looks at what its devices have.
    """
    again = jax.tree.leaves(read(folder, tree, on_host=True))
    for (path, leaf), other in zip(jax.tree_util.tree_leaves_with_path(tree), again):
        own, read_back = _data(leaf), _data(other)
        shards = [(shard.data, shard.index) for shard in own.addressable_shards] if _is_spread(own) else [(own, ...)]
        if any(np.asarray(data).tobytes() != np.asarray(read_back[index]).tobytes() for data, index in shards):
            raise ValueError(f"{jax.tree_util.keystr(path)} was read back with other values")


def _is_key(leaf) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _data(leaf):
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _is_spread(leaf) -> bool:
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


@contextlib.contextmanager
def _plain(folder: Path) -> Iterator[Path]:
    """An absolute path of the folder in plain characters: its own, or that of a link to it."""
    folder = Path(os.path.abspath(folder))
    if PLAIN.fullmatch(str(folder)):
        yield folder
        return
    temporary = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(dir=temporary if PLAIN.fullmatch(temporary) else "/tmp") as beside:
        link = Path(beside) / "folder"
        link.symlink_to(folder)
        yield link
