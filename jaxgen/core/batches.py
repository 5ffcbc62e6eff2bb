"""How a batch is put together: what is drawn from a Source or Holdout, what all batches share, and a transformation.

Sources and Holdouts are split in two where they meet `jax.jit`: their functions are static, their arrays are arguments.
"""

from collections.abc import Mapping
from typing import Any

import jax

from jaxgen.core.types import Batch, Holdout, Source

TRANSFORM = 2**31 - 3  # folded into a key beside batch numbers, which are below it


def arrays_of(source: Source | Holdout) -> tuple[Any, Mapping[str, Any]]:
    """The arguments of a compiled program: (arrays, shared)."""
    return source.arrays, dict(source.shared)


def functions_of(source: Source | Holdout) -> Any:
    """The source without its arrays: hashable, and equal for two sources that one compiled program serves."""
    bare = source._replace(arrays=(), fetch=None, at_once=0, shared=())  # type: ignore[arg-type]  # a dict has no hash
    return bare._replace(batches=0) if isinstance(bare, Holdout) else bare


def training_batch(functions: Source, arguments: tuple[Any, Any], row: Any, key: jax.Array, n: jax.Array) -> Batch:
    """Batch n of a run with this key.

    Args:
        functions: of `functions_of`, or the source itself.
        arguments: its (arrays, shared).
        row: the batch, where it was fetched; None: it is taken from the arrays.
        key: of the run's batches, [].
        n: [] int32.
    """
    arrays, shared = arguments
    batch = functions.take(arrays if row is None else row, key, n)
    return _completed(functions, batch, shared, jax.random.fold_in(key, TRANSFORM), n)


def holdout_batch(
    functions: Holdout, arguments: tuple[Any, Any], row: Any, key: jax.Array, n: jax.Array
) -> tuple[Batch, jax.Array]:
    """Batch n of a split and the mask [B] of its real examples; arguments as in `training_batch`."""
    arrays, shared = arguments
    batch, mask = functions.take(arrays if row is None else row, n)
    return _completed(functions, batch, shared, jax.random.fold_in(key, TRANSFORM), n), mask


def _completed(functions, batch, shared, key, n):
    batch = {**batch, **shared} if shared else batch
    return functions.transform(batch, jax.random.fold_in(key, n)) if functions.transform else batch
