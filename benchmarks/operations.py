"""Floating-point operations of a function's products and convolutions, counted in its jaxpr: two for each
multiplication that is added up. Everything else, a few operations a value, is not counted.

XLA's own analysis counts the body of a loop once and leaves out taps that meet padding; here a scan counts as often as
it is run, and a tap on padding is a tap. Of the branches of a `cond` the dearest counts.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend import core

from jaxgen.core.types import Refused

# The primitives of `ops.conv`: shapes of both inputs and of the output -> the kernel's, and positions it is at. S
# convolutions stand side by side, and the kernel's shape counts them.
OURS: dict[str, Callable] = {
    "convolve": lambda x, kernel, y: (kernel, y[1:4]),
    "convolve_kernel_gradient": lambda x, dy, kernel: (kernel, dy[1:4]),
}


def counted(function: Callable, *args: Any) -> int:
    """The operations of `function(*args)`; args may be `jax.ShapeDtypeStruct`s.

    Raises Refused for a product in a `while_loop`, which may run any number of times.
    """
    return of_jaxpr(jax.make_jaxpr(function)(*args).jaxpr)


def of_jaxpr(jaxpr: core.Jaxpr) -> int:
    """Those of all its equations."""
    return sum(of_equation(equation) for equation in jaxpr.eqns)


def of_equation(equation: core.JaxprEqn) -> int:
    """Those of one equation, and of the functions that it calls."""
    name: str = equation.primitive.name
    params: Any = equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape  # type: ignore[attr-defined]
        return 2 * math.prod(shape[axis] for axis in contracted) * outputs(equation)
    if name == "conv_general_dilated":
        numbers = params["dimension_numbers"]
        kernel = equation.invars[1].aval.shape  # type: ignore[attr-defined]
        taps = math.prod(kernel) // kernel[numbers.rhs_spec[0]]  # of one output: kernel height, width, input channels
        spread = math.prod(params["lhs_dilation"])  # of a transposed convolution most taps meet zeros in between
        return 2 * taps * outputs(equation) // spread
    if name in OURS:
        values: Any = (*equation.invars, equation.outvars[0])
        kernel, positions = OURS[name](*(each.aval.shape for each in values))
        return 2 * math.prod(kernel) * math.prod(positions) // math.prod(params["window"].dilation)
    inner = [of_jaxpr(each) for each in called(params)]
    if name == "cond":
        return max(inner)
    total = sum(inner)
    if name == "while" and total:
        raise Refused("products in a while_loop cannot be counted: it may run any number of times")
    return total * (params["length"] if name == "scan" else 1)


def outputs(equation: core.JaxprEqn) -> int:
    """Values of its only output."""
    return math.prod(equation.outvars[0].aval.shape)  # type: ignore[attr-defined]


def called(params: dict[str, Any]) -> Iterator[core.Jaxpr]:
    """The jaxprs among an equation's parameters."""
    for value in params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, core.ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, core.Jaxpr):
                yield each
