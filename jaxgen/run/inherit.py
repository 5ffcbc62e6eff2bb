"""Starting from another run's parameters: fine-tuning, and transfer with a new output layer."""

import itertools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import jax

from jaxgen.core.types import Refused, Stage, State
from jaxgen.run.train import load_named


def inherit(stage: Stage, init_from: str, module: ModuleType, anew: Sequence[str] = ()) -> tuple[Stage, State | None]:
    """The stage, adopting parameters and carry of the run in `init_from`, and that run's State.

    The State is for `workdir.identity` and `run.train`. Where `init_from` is "": the stage as it is, and None.

    Args:
        stage: the first of its run; what it adopted before is replaced.
        init_from: a run's directory.
        module: the technique's, that the other run must share.
        anew: top-level names of the parameters that start as `init` draws them, with what the carry has of them.

    Raises:
        Refused: no run, no intact checkpoint, another technique, or other arrays: the first one is named.
    """
    if not init_from:
        return stage, None
    name, _, previous = load_named(init_from)
    if name != module.__name__:
        raise Refused(f"--init_from={init_from} is a run of {name}, and this is one of {module.__name__}")
    here = jax.eval_shape(stage.technique.init, jax.random.key(0))
    if said := mismatch(previous, here, anew):
        raise Refused(f"--init_from={init_from} is another architecture: {said}")
    return stage._replace(adopt=adopting(stage.technique.init, anew)), previous


def adopting(
    init: Callable[[jax.Array], State], anew: Sequence[str] = ()
) -> Callable[[State | None, jax.Array, Any], State]:
    """A Stage's `adopt`: what `init` gives, with the previous State's parameters and carry but for what starts anew.

    The optimiser starts afresh too: as `init` left it, beside parameters that it may not have seen.
    """

    def adopt(previous, key, arrays):
        del arrays
        state, kept = init(key), _inherited(previous, anew)
        params, carry = jax.tree_util.tree_map_with_path(
            lambda path, leaf: kept.get(path, leaf), (state.params, state.carry)
        )
        return state._replace(params=params, carry=carry)

    return adopt


def mismatch(there: State, here: State, anew: Sequence[str] = ()) -> str:
    """The first array, in the trees' order, that keeps `here` from inheriting from `there`, in words; "" for none.

    Both are States of arrays or of their shapes; what starts anew may differ, or be missing.
    """
    theirs, ours = _inherited(there, anew), _inherited(here, anew)
    for place, own in itertools.zip_longest(theirs, ours):
        if place == own:
            (a, b), shape = (theirs[place], ours[own]), lambda leaf: str(list(leaf.shape))
            if a.dtype != b.dtype:
                shape = lambda leaf: f"{leaf.dtype}{list(leaf.shape)}"
            if shape(a) != shape(b):
                return f"{_said(own)} is {shape(a)} there and {shape(b)} here"
        elif own is not None and own not in theirs:
            return f"it has no {_said(own)}"
        else:
            return f"it has {_said(place)}, which this network has not"
    return ""


def _inherited(state: State, anew: Sequence[str]) -> dict[tuple, Any]:
    """path -> leaf of (params, carry), in the tree's order, without what starts anew."""
    leaves = jax.tree_util.tree_leaves_with_path((state.params, state.carry))
    return {path: leaf for path, leaf in leaves if not _starts_anew(path, anew)}


def _starts_anew(path: tuple, anew: Sequence[str]) -> bool:
    """Whether a path in (params, carry) lies below one of the names; in the carry, one collection deeper as well."""
    deep = 1 if path[0].idx == 0 else 2
    return any(jax.tree_util.keystr((entry,), simple=True) in anew for entry in path[1 : 1 + deep])


def _said(path: tuple) -> str:
    """layer1.kernel, of a path in (params, carry)."""
    return jax.tree_util.keystr(path[1:], simple=True, separator=".") or ("params", "carry")[path[0].idx]
