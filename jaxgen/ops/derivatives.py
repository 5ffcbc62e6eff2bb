"""Backward passes by hand that leave forward mode, derivatives of any order and vmap as they are.

`jax.custom_vjp` forbids forward mode, and so Hessian-vector products by forward over reverse; `jax.custom_jvp` leaves
the backward pass to JAX. Here the derivative in a direction is a primitive, linear in the direction: evaluated, it is
JAX's own derivative; transposed, it is the backward pass by hand, which is then differentiated and mapped as any other
function. (`jax.custom_derivatives.linear_call` of jax 0.10.2 is such a primitive without vmap or second derivatives.)
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

slope_p = Primitive("slope_by_hand")  # constants (arguments, residuals), direction -> derivative of each output
slope_p.multiple_results = True


def by_hand(function: Callable, forward: Callable, backward: Callable) -> Callable:
    """`function` of arrays, or None, with a backward pass of its own.

    Args:
        function: the arguments to the outputs; how it is written decides how forward mode is computed.
        forward: the arguments to (the outputs, what `backward` needs of the arguments and on the way).
        backward: (that, cotangents of the outputs) to the cotangents of all arguments, a tuple; zeros for an argument
            of floats that has none, None for integers and None.
    """

    @jax.custom_jvp
    @functools.wraps(function)
    def differentiable(*arguments):
        return function(*arguments)

    @differentiable.defjvp
    def _(arguments, direction):
        outputs, residuals = forward(*arguments)
        flat_outputs, out_tree = jax.tree.flatten(outputs)
        every, in_tree = jax.tree.flatten(direction)
        moving = [d.dtype != jax.dtypes.float0 for d in every]  # not integers
        constants, tree = jax.tree.flatten((arguments, residuals))

        def slope(constants, flat_direction):
            arguments, _ = jax.tree.unflatten(tree, constants)
            rest = iter(flat_direction)
            along = [next(rest) if moves else d for moves, d in zip(moving, every)]
            return jax.tree.leaves(jax.jvp(function, arguments, jax.tree.unflatten(in_tree, along))[1])

        def transposed(constants, flat_cotangents):
            _, residuals = jax.tree.unflatten(tree, constants)
            return jax.tree.leaves(tuple(backward(residuals, jax.tree.unflatten(out_tree, flat_cotangents))))

        shapes = tuple(jax.typeof(output).to_tangent_aval() for output in flat_outputs)
        rules = {"slope": slope, "transposed": transposed, "shapes": shapes, "count": len(constants)}
        along = [d for moves, d in zip(moving, every) if moves]
        return outputs, jax.tree.unflatten(out_tree, slope_p.bind(*constants, *along, **rules))

    return differentiable


def _evaluate(*inputs, slope, count, **_):
    return slope(list(inputs[:count]), list(inputs[count:]))


def _differentiate(inputs, directions, *, slope, count, **rules):
    """In the constants, from which derivatives of higher order follow, and in the direction, where it is linear."""
    bind = functools.partial(slope_p.bind, *inputs[:count], slope=slope, count=count, **rules)
    outputs, slopes = bind(*inputs[count:]), []
    if not all(isinstance(d, ad.Zero) for d in directions[count:]):
        slopes = bind(*map(ad.instantiate_zeros, directions[count:]))
    if not all(isinstance(d, ad.Zero) for d in directions[:count]):
        along = tuple(map(ad.instantiate_zeros, directions[:count]))
        moved = jax.jvp(lambda *constants: slope(list(constants), list(inputs[count:])), inputs[:count], along)[1]
        slopes = list(map(jnp.add, slopes, moved)) if slopes else moved
    return outputs, slopes


def _transpose(cotangents, *inputs, transposed, count, **_):
    needed = [ad.is_undefined_primal(direction) for direction in inputs[count:]]
    gradients = transposed(list(inputs[:count]), list(map(ad.instantiate_zeros, cotangents)))
    return [None] * count + [one if need else None for one, need in zip(gradients, needed, strict=True)]


def _batch(inputs, axes, *, slope, transposed, shapes, count):
    (size,) = {x.shape[axis] for x, axis in zip(inputs, axes) if axis is not None}
    moved: list[Any] = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(inputs, axes)]
    for i in range(count, len(moved)):
        moved[i] = jnp.broadcast_to(moved[i], (size, *moved[i].shape)) if axes[i] is None else moved[i]
    mapped = [None if axis is None else 0 for axis in axes[:count]]
    rules = {name: jax.vmap(rule, (mapped, 0)) for name, rule in (("slope", slope), ("transposed", transposed))}
    more = tuple(shape.update(shape=(size, *shape.shape)) for shape in shapes)
    outputs = slope_p.bind(*moved, **rules, shapes=more, count=count)
    return outputs, [0] * len(outputs)


slope_p.def_impl(_evaluate)
slope_p.def_abstract_eval(lambda *_, shapes, **__: list(shapes))
mlir.register_lowering(slope_p, mlir.lower_fun(_evaluate, multiple_results=True))
ad.primitive_jvps[slope_p] = _differentiate
ad.primitive_transposes[slope_p] = _transpose
batching.primitive_batchers[slope_p] = _batch
