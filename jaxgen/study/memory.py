"""How much memory a run takes: how many runs fit side by side."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr

from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.types import Technique
from jaxgen.study.problems import Problem, byte_count

# Of all arrays that a step computes: XLA held 0.08 to 0.12 of their bytes at once in an MLP and a CNN.
SHARE = 0.25


def bytes_per_run(problem: Problem, technique: Technique) -> int:
    """Bytes that one run holds while it trains, rather over- than underestimated: its State twice, and its step's."""
    key, n = jax.random.key(0), jnp.int32(0)
    functions = functions_of(problem.train)
    state = jax.eval_shape(technique.init, key)
    batch = jax.eval_shape(lambda *args: training_batch(functions, *args), arrays_of(problem.train), None, key, n)
    computed = intermediates(jax.make_jaxpr(technique.step)(state, batch).jaxpr)
    return 2 * byte_count(state) + int(SHARE * computed)


def intermediates(jaxpr: Jaxpr) -> int:
    """Bytes of all arrays that a program computes; programs inside it count once, however often they run."""
    total = 0
    for equation in jaxpr.eqns:
        inner = sum(intermediates(program) for program in _programs(equation.params.values()))
        total += max(inner, byte_count([variable.aval for variable in equation.outvars]))
    return total


def _programs(values: Any) -> list[Jaxpr]:
    """The programs among an equation's parameters."""
    leaves = [each for value in values for each in (value if isinstance(value, tuple | list) else [value])]
    opened = [each.jaxpr if isinstance(each, ClosedJaxpr) else each for each in leaves]
    return [each for each in opened if isinstance(each, Jaxpr)]
