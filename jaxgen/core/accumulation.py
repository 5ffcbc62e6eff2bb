"""Updates from batches larger than memory: gradients are added up over micro-batches, and followed once.

A `collecting` optimiser keeps what it is handed until the last micro-batch; `accumulated` hands it a batch in parts. A
technique knows of neither. What its carry holds, running statistics and averages, is written once a micro-batch, and
normalisation by a batch's statistics takes those of a micro-batch.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.steps import NORMS
from jaxgen.core.types import Batch, Metrics, Refused, State, Technique


class Collecting(NamedTuple):
    """The state of a `collecting` optimiser; all but the first field exist within an update of `accumulated` only."""

    inner: Any  # the state of the optimiser that moves the parameters
    last: Any = None  # [] bool, whether this is the update's last micro-batch
    gradient: Any = None  # the sum so far of what becomes the mean over micro-batches, a pytree like the parameters
    value: Any = None  # [], likewise of the loss


def collecting(optimizer: optax.GradientTransformation, parts: int) -> optax.GradientTransformationExtraArgs:
    """The optimiser, which moves parameters in the last of `parts` micro-batches, by the mean of their gradients.

    Outside of `accumulated` it does so in each call, as it does without.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params):
        return Collecting(optimizer.init(params))

    def update(grads, state, params=None, **extra):
        if state.last is None:
            updates, after = optimizer.update(grads, state.inner, params, **extra)
            return updates, Collecting(after)
        gradient, value = jax.tree.map(lambda part: part / parts, (grads, extra["value"]))
        if state.gradient is not None:
            gradient, value = jax.tree.map(jnp.add, (state.gradient, state.value), (gradient, value))

        def move():
            whole = {**extra, "value": value, "grad": gradient, "value_fn": _value_of_the_batch}
            return optimizer.update(gradient, state.inner, params, **whole)

        def stay():
            updates, _ = jax.eval_shape(move)
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), updates), state.inner

        updates, after = jax.lax.cond(state.last, move, stay)
        return updates, Collecting(after, state.last, gradient, value)

    return optax.GradientTransformationExtraArgs(init, update)


def accumulated(technique: Technique, parts: int) -> Technique:
    """The technique, made with a `collecting` optimiser, whose step takes a batch in `parts`, one after the other.

    An update is that of the whole batch where its loss is a mean over examples. Metrics are means over the parts, but
    for the norms, which are those of the whole gradient and of the update. Part n has every `parts`-th example from
    the n-th on, so that each of several devices keeps the examples it has, and randomness of its own.

    Raises Refused for a technique of several optimisers or of none, and for an optimiser that evaluates the loss
    itself; `step` raises it where `parts` do not divide a batch.
    """
    state = jax.eval_shape(technique.init, jax.random.key(0))
    if (count := len(_collectors(state.opt))) != 1:
        raise Refused(f"--accumulate={parts} is for techniques of one optimiser, and this one has {count or 'none'}")
    begun = state._replace(opt=_begun(state.opt, jax.ShapeDtypeStruct((), bool)))
    jax.eval_shape(technique.step, begun, jax.eval_shape(technique.example, jax.random.key(0)))

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        common = {name: batch[name] for name in technique.shared}
        own = {name: leaf for name, leaf in batch.items() if name not in common} if common else batch
        streams = {name: state.carry[name] for name in technique.streams}

        def part(before, item):
            n, (own, streams) = item
            opt = _begun(before.opt, n == parts - 1)
            before = before._replace(key=jax.random.fold_in(state.key, n), opt=opt, carry=_with(before.carry, streams))
            after, metrics = technique.step(before, {**own, **common} if common else own)
            written = {name: after.carry[name] for name in streams}
            carry = _with(after.carry, dict.fromkeys(streams, ()))
            return after._replace(step=state.step, key=state.key, carry=carry), (metrics, written)

        items = jnp.arange(parts, dtype=jnp.int32), jax.tree.map(lambda leaf: _split(leaf, parts), (own, streams))
        begun = state._replace(carry=_with(state.carry, dict.fromkeys(streams, ())))
        (like,) = _collectors(_shape(part, begun, jax.tree.map(lambda leaf: leaf[0], items), parts).opt)
        sums = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (like.last, like.gradient, like.value))
        begun = begun._replace(opt=_put(begun.opt, lambda each: Collecting(each.inner, *sums)))
        after, (metrics, written) = jax.lax.scan(part, begun, items)
        (collector,) = _collectors(after.opt)
        measured = {name: value.mean(0) for name, value in metrics.items()}
        norms = _norms(collector.gradient, metrics)
        carry = _with(after.carry, jax.tree.map(_joined, written))
        opt = _put(after.opt, lambda each: Collecting(each.inner))
        return State(state.step + 1, state.key, after.params, opt, carry), measured | norms

    return technique._replace(step=step)


def _shape(part: Any, state: State, item: Any, parts: int) -> State:
    """That of the State after a part. Raises Refused where a technique has as many parameters as examples, say."""
    try:
        return jax.eval_shape(part, state, item)[0]
    except (TypeError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        reason = (str(error).splitlines() or [""])[0]
        raise Refused(f"--accumulate={parts}: this technique needs its batch whole ({reason})") from error


def _norms(gradient: Any, metrics: Metrics) -> Metrics:
    """Those of `core.steps.NORMS` that the parts [parts] have, for the update: parts but the last moved nothing."""
    whole = dict(zip(NORMS, (optax.tree.norm(gradient), metrics.get(NORMS[1], jnp.zeros((1,))).sum(0))))
    return {name: norm for name, norm in whole.items() if name in metrics}


def _value_of_the_batch(params: Any) -> Any:
    """What line searches ask for: the loss elsewhere, of which a micro-batch says too little."""
    raise Refused("--accumulate is for optimisers that need gradients alone, and this one evaluates the loss itself")


def _is_collector(node: Any) -> bool:
    return isinstance(node, Collecting)


def _collectors(opt: Any) -> list[Collecting]:
    """All that an optimiser's state, or those of several, has."""
    return [node for node in jax.tree.leaves(opt, is_leaf=_is_collector) if _is_collector(node)]


def _put(opt: Any, function: Any) -> Any:
    """The optimiser's state with another collector, made by `function` of the one that it has."""
    return jax.tree.map(lambda node: function(node) if _is_collector(node) else node, opt, is_leaf=_is_collector)


def _begun(opt: Any, last: Any) -> Any:
    """The optimiser's state before a micro-batch."""
    return _put(opt, lambda each: each._replace(last=last))


def _with(carry: Any, entries: dict[str, Any]) -> Any:
    """The carry with these entries; whatever it is, where there are none."""
    return {**carry, **entries} if entries else carry


def _split(leaf: jax.Array, parts: int) -> jax.Array:
    """[B, ...] to [parts, B / parts, ...], of which part n has rows n, n + parts, ..."""
    if not leaf.ndim or leaf.shape[0] % parts:
        raise Refused(f"--accumulate={parts} must divide a batch, and this one has an array {list(leaf.shape)}")
    return jnp.moveaxis(leaf.reshape(-1, parts, *leaf.shape[1:]), 1, 0)


def _joined(leaf: jax.Array) -> jax.Array:
    """What `_split` had, from its result."""
    return jnp.moveaxis(leaf, 0, 1).reshape(-1, *leaf.shape[2:])
