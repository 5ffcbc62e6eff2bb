"""L-BFGS over the pixels of an image of 400 x 533, 10 pairs remembered: evaluations of loss and gradient a second.

The loss is cheap, so that what is timed is the optimiser: the squared distance to an image and its fourth power, the
pixels' weights from 0.0001 to 1, and a hundred times the squared differences of neighbours. Each call starts from noise
and makes 60 evaluations; a search that is over later makes a few more, and they count.

Quality: the least loss of the call as a share of the first one.

In a trace on two cores of an AMD EPYC with AVX-512 (2026-12-01) the four passes over the pairs have 35 % of the time,
each reading 25.6 MB in 0.75 to 1.1 ms; passes over the image, of the loss, its gradient and the step, have the rest.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from jaxgen.core.steps import descend
from jaxgen.optim.lbfgs import lbfgs

MEMORY = 10
SMOOTH = 100.0


class Sizes(NamedTuple):
    """Of the image, and of a call."""

    height: int = 400
    width: int = 533
    evaluations: int = 60

    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(Where to start, the target, the weights), [H, W, 3] float32."""
        shape, draw = (self.height, self.width, 3), np.random.default_rng(0)
        start, target, weights = (draw.random(shape, np.float32) for _ in range(3))
        return start, target, np.float32(1e-4) ** weights


def loss(x: Any, target: Any, weights: Any) -> Any:
    """The loss [] of an image [H, W, 3], of JAX's arrays or of PyTorch's."""
    distance = (x - target) ** 2
    down, across = x[1:] - x[:-1], x[:, 1:] - x[:, :-1]
    return (weights * (distance + distance**2)).sum() + SMOOTH * ((down**2).sum() + (across**2).sum())


def work(minimize: Callable[[], tuple[int, float, float]]) -> Work:
    """A contender's Work, of a function that returns (evaluations, first loss, least loss)."""
    evaluations, first, least = minimize()  # the same ones every time

    def call():
        nonlocal least
        _, _, least = minimize()

    return Work(call, evaluations, lambda: least / first)


def ours(sizes: Sizes) -> Work:
    """One compiled scan of updates, an evaluation each."""
    optimizer, (start, *arrays) = lbfgs(1.0, memory=MEMORY), map(jnp.asarray, sizes.images())

    @jax.jit
    def scan(x, arrays):
        def update(carry, _):
            x, state, value = descend(lambda x: (value := loss(x, *arrays), value), optimizer, *carry)
            return (x, state), value

        return jax.lax.scan(update, (x, optimizer.init(x)), length=sizes.evaluations)[1]

    def minimize():
        values = scan(start, arrays)
        return len(values), float(values[0]), float(values.min())

    return work(minimize)


def by_optax(sizes: Sizes) -> Work:
    """optax.lbfgs with the value and gradient that its search leaves, as its documentation has it; counted by it."""
    optimizer, (start, *arrays) = optax.lbfgs(memory_size=MEMORY), map(jnp.asarray, sizes.images())

    @jax.jit
    def scan(x, arrays):
        function = functools.partial(loss, target=arrays[0], weights=arrays[1])
        value_and_grad = optax.value_and_grad_from_state(function)

        def going(carry):
            return carry[2] < sizes.evaluations

        def update(carry):
            x, state, count, first, _ = carry
            value, grad = value_and_grad(x, state=state)
            updates, state = optimizer.update(grad, state, x, value=value, grad=grad, value_fn=function)
            trials = optax.tree.get(state, "num_linesearch_steps")
            first = jnp.where(count == 0, value, first)
            return optax.apply_updates(x, updates), state, count + jnp.maximum(trials, 1), first, value

        zero = jnp.zeros((), jnp.float32)
        begun = (x, optimizer.init(x), jnp.zeros((), jnp.int32), zero, zero)
        return jax.lax.while_loop(going, update, begun)[2:]

    def minimize():
        return tuple(map(float, scan(start, arrays)))

    return work(minimize)


def scipys(sizes: Sizes) -> Work:
    """L-BFGS-B, of a compiled loss and gradient; its vectors are float64."""
    import scipy.optimize

    (start, *arrays), values = map(jnp.asarray, sizes.images()), list[float]()
    compiled = jax.jit(jax.value_and_grad(loss))

    def function(x):
        value, grad = compiled(jnp.asarray(x.reshape(arrays[0].shape), jnp.float32), *arrays)
        values.append(float(value))
        return values[-1], np.asarray(grad, np.float64).ravel()

    def minimize():
        values.clear()
        options = {"maxcor": MEMORY, "maxfun": sizes.evaluations - 1, "maxiter": 10_000, "ftol": 0, "gtol": 0}
        flat = np.asarray(start, np.float64).ravel()
        scipy.optimize.minimize(function, flat, jac=True, method="L-BFGS-B", options=options)
        return len(values), values[0], min(values)

    return work(minimize)


def pytorch(sizes: Sizes) -> Work:
    """torch.optim.LBFGS with its search for the strong Wolfe conditions, eager, float32, all cores."""
    torch, values = trainers.pytorch(), list[Any]()
    start, target, weights = (trainers.tensor(torch, each) for each in sizes.images())

    def minimize():
        values.clear()
        x = torch.nn.Parameter(start.clone())
        count = {"max_iter": 10_000, "max_eval": sizes.evaluations, "history_size": MEMORY}
        never = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
        optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe", **count, **never)

        def closure():
            optimizer.zero_grad()
            value = loss(x, target, weights)
            value.backward()
            values.append(value.detach())
            return value

        optimizer.step(closure)
        return len(values), float(values[0]), float(min(values))

    return work(minimize)


LOOP = Loop(
    about=__doc__ or "",
    unit="evaluations_per_second",
    cases={"": Sizes()},
    contenders=[
        Contender("ours", ours),
        Contender("optax.lbfgs", by_optax, ("optax",)),
        Contender("PyTorch", pytorch, ("torch",)),
        Contender("scipy", scipys, ("scipy",)),
    ],
    against={"against_pytorch": "PyTorch", "against_scipy": "scipy"},
)
