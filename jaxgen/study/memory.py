"""How many runs fit into memory side by side."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import Technique
from jaxgen.study.problems import Problem, size

SHARE = 0.25  # of all that a step computes, rather too much: XLA held 0.08 to 0.12 of it at once in an MLP and a CNN


def bytes_each(problem: Problem, technique: Technique) -> int:
    """About what one run holds while it trains, rather too much: its State twice, and what a step computes."""
    key, n = jax.random.key(0), jnp.int32(0)
    state = jax.eval_shape(technique.init, key)
    batch = jax.eval_shape(problem.train.take, problem.train.arrays, key, n)
    computed = intermediates(jax.make_jaxpr(technique.step)(state, batch).jaxpr)
    return 2 * size(state) + int(SHARE * computed)


def intermediates(jaxpr: Any) -> int:
    """Bytes of all arrays that a program computes, those of inner programs once."""
    total = 0
    for equation in jaxpr.eqns:
        inner = sum(intermediates(each) for each in _programs(equation.params.values()))
        total += max(inner, size([variable.aval for variable in equation.outvars]))
    return total


def _programs(values: Any) -> list[Any]:
    """The jaxprs among an equation's parameters."""
    found = []
    for value in values:
        for each in value if isinstance(value, tuple | list) else [value]:
            each = getattr(each, "jaxpr", each)
            found += [each] if hasattr(each, "eqns") else []
    return found
