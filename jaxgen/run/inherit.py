"""Starting from another run's parameters: fine-tuning, and transfer with a new output layer."""

import itertools
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import jax

from jaxgen.core.config import flat
from jaxgen.core.types import Refused, Stage, State
from jaxgen.run.load import load_run
from jaxgen.run.workdir import read_config


def starting_from(
    init_from: str,
    stages: Sequence[Stage],
    anew: Callable[[Mapping[str, Any], Any], Iterable[str]] = lambda stage, config: (),
    foreign: Callable[[str, Any], Any] | None = None,
) -> tuple[Sequence[Stage], State | None]:
    """The stages, the first of them adopting parameters and carry of another run, and that run's State.

    Where a run has several stages, it starts with the first one whose arrays are those of the other run; the stages
    before it are dropped, as what they prepare is inherited. Where `init_from` is "": the stages as they are, None.

    Args:
        init_from: a run's directory, or a file that `foreign` reads.
        stages: what the stage that inherits would adopt is replaced.
        anew: the other run's last stage as config.json describes it, this Config -> top-level names of the parameters
            that start as `init` draws them, with what the carry has of them.
        foreign: a file of weights, this Config -> parameters of the first stage; None: only runs are known.

    Raises:
        Refused: no run, no intact checkpoint, another technique, or other arrays than any stage's: the first that
            differs from the first stage's is named.
    """
    if not init_from:
        return stages, None
    if foreign and os.path.isfile(os.path.expanduser(init_from)):
        return _from_file(init_from, stages, foreign)
    loaded, there = load_run(init_from), read_config(init_from)["stages"][-1]
    own = [stage for stage in stages if stage.module == loaded.module]
    if not own:
        here = stages[0].module
        raise Refused(f"--init_from={init_from} is a run of {loaded.module}, and this is one of {here}")
    reasons = []
    for number, stage in enumerate(stages):
        if stage.module != loaded.module:
            continue
        names = tuple(anew(there, stage.config))
        reason = mismatch(loaded.state, jax.eval_shape(stage.technique.init, jax.random.key(0)), names)
        if not reason:
            if number:
                print(f"--init_from: stages before stage {number} are left out", file=sys.stderr)
            first = stage._replace(adopt=adopting(stage.technique.init, names))
            return [first, *stages[number + 1 :]], loaded.state
        reasons.append(reason)
    raise Refused(f"--init_from={init_from} is another architecture: {reasons[0]}")


def _from_file(path, stages, foreign):
    """See `starting_from`."""
    init = stages[0].technique.init
    state = jax.jit(init)(jax.random.key(0))
    given = state._replace(params=foreign(path, stages[0].config))
    if reason := mismatch(given, state):
        raise Refused(f"--init_from={path} is another architecture: {reason}")
    return [stages[0]._replace(adopt=adopting(init)), *stages[1:]], given


def check_alike(stage: Mapping[str, Any], config: Any, *names: str) -> None:
    """Raises Refused where fields differ that shapes do not show: parameters would fit, and mean something else.

    Args:
        stage: of the other run, as config.json describes it.
        config: this run's.
        names: of the fields.
    """
    here = json.loads(json.dumps(flat(config)))
    for name in names:
        values = [
            each if isinstance(each, str) else f"{len(each)} entries" for each in (stage["config"][name], here[name])
        ]
        if stage["config"][name] != here[name]:
            raise Refused(f"--init_from: that run has another {name} ({values[0]}) than this one ({values[1]})")


def adopting(
    init: Callable[[jax.Array], State], anew: Collection[str] = ()
) -> Callable[[State | None, jax.Array, Any], State]:
    """A Stage's `adopt`: the State of `init` with the previous one's parameters and carry but for what starts anew.

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


def mismatch(there: State, here: State, anew: Collection[str] = ()) -> str:
    """The first array, in the trees' order, that keeps `here` from inheriting from `there`, in words; "" for none.

    Both are States of arrays or of their shapes; what starts anew may differ, or be missing.
    """
    theirs, ours = _inherited(there, anew), _inherited(here, anew)
    for path, own in itertools.zip_longest(theirs, ours):
        if path == own:
            (a, b), shape = (theirs[path], ours[own]), lambda leaf: str(list(leaf.shape))
            if a.dtype != b.dtype:
                shape = lambda leaf: f"{leaf.dtype}{list(leaf.shape)}"
            if shape(a) != shape(b):
                return f"{_named(own)} is {shape(a)} there and {shape(b)} here"
        elif own is not None and own not in theirs:
            return f"it has no {_named(own)}"
        else:
            return f"it has {_named(path)}, which this network has not"
    return ""


def _inherited(state: State, anew: Collection[str]) -> dict[tuple, Any]:
    """path -> leaf of (params, carry), in the tree's order, without what starts anew."""
    leaves = jax.tree_util.tree_leaves_with_path((state.params, state.carry))
    return {path: leaf for path, leaf in leaves if not _starts_anew(path, anew)}


def _starts_anew(path: tuple, anew: Collection[str]) -> bool:
    """Whether a path in (params, carry) lies below one of the names; in the carry, one collection deeper as well."""
    deep = 1 if path[0].idx == 0 else 2
    return any(jax.tree_util.keystr((entry,), simple=True) in anew for entry in path[1 : 1 + deep])


def _named(path: tuple) -> str:
    """layer1.kernel, of a path in (params, carry)."""
    return jax.tree_util.keystr(path[1:], simple=True, separator=".") or ("params", "carry")[path[0].idx]
