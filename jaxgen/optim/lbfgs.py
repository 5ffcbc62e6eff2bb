"""L-BFGS with a line search whose every trial is an update: one evaluation of loss and gradient for each.

Liu & Nocedal 1989, https://doi.org/10.1007/BF01589116; two loops and strong Wolfe conditions as in Nocedal & Wright
2006, *Numerical Optimization*, algorithms 7.4 (in `optim.curvature`), 3.5 and 3.6; constants as L-BFGS-B's (Zhu et al.
1997, https://doi.org/10.1145/279232.279236).

The parameters are where the loss is evaluated next, which is a trial of the line search: about nine of ten are
accepted. A line search within the update, as optax.lbfgs has it, evaluates the accepted point once more, compiles the
loss four times, and cannot be stopped in between. The state holds all of the search, so that a run goes on in it. For
losses without noise: a search compares values of one function.

n    parameters, as one vector
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxgen.optim.curvature import Curvature, Ends, Products, forgotten, inverse_hessian, product, remembered, unknown
from jaxgen.optim.rate import Rate, advance, constant, initial_state

SLOPE, DECREASE = 0.9, 1e-3  # of the Wolfe conditions: |slope| at most, decrease of the value at least, of the first's
WIDEN, NARROW = (1.1, 4.0), (0.1, 0.9)  # bounds of the next trial: of the last one, of the interval
TRIALS = 20  # in a search, after which it starts again along the gradient


class Point(NamedTuple):
    """A point of the line: the loss there, and its derivative along the line."""

    length: jax.Array  # [] from the anchor, in directions
    value: jax.Array  # []
    slope: jax.Array  # []


class Search(NamedTuple):
    """The memory of the optimiser and the line search that is going on."""

    curvature: Curvature  # what earlier steps say of it
    anchor: jax.Array  # [n] where the line begins
    gradient: jax.Array  # [n] there
    products: Products  # of the pairs with it
    direction: jax.Array  # [n] of the line
    along: jax.Array  # [m] y_i . direction
    first: Point  # the anchor
    low: Point  # the lowest acceptable trial so far
    high: Point  # the other end of the interval; its length is infinite before there is one
    length: jax.Array  # [] of the trial that the parameters are
    trials: jax.Array  # [] int32, of this search


def lbfgs(rate: Rate = 1.0, *, memory: int = 10, schedule: Any = constant) -> optax.GradientTransformationExtraArgs:
    """The optimiser; `update` takes `value`, the loss at the parameters.

    theta <- anchor + t d, d = -H g by the two loops, H = (s.y / y.y) I at first; t begins at the rate, which is 1 where
    nothing speaks against it, and in the first search at rate / |g|. No search accepts a rate of 0.

    In one dimension, of f = theta^2 from 1: g = 2, t = 1/2 moves by -1 to 0, where the slope is 0: accepted at once.
    """

    def init(params):
        flat, _ = ravel_pytree(params)
        flat = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
        zero, none = jnp.zeros((), flat.dtype), jnp.zeros((), jnp.int32)
        vector = jnp.zeros_like(flat)
        point, far = Point(zero, zero, zero), Point(zero + jnp.inf, zero, zero)
        along = jnp.zeros(memory, flat.dtype)
        search = Search(
            unknown(memory, flat), vector, vector, Products(along, along), vector, along, point, point, far, zero, none
        )
        return initial_state(rate, jax.tree.map(jnp.copy, search))

    def update(grads, state, params=None, *, value, **extra):
        del extra
        eta, after = advance(state, rate, schedule)
        (theta, unravel), (gradient, _) = ravel_pytree(params), ravel_pytree(grads)
        search, dtype = state.slots, state.slots.anchor.dtype
        theta, gradient, value = (jnp.asarray(x, dtype) for x in (theta, gradient, value))
        search, target = _next(search, state.updates == 0, theta, gradient, value, eta.astype(dtype))
        delta = jax.tree.map(lambda d, p: d.astype(p.dtype), unravel((target - theta).astype(theta.dtype)), params)
        return delta, after._replace(slots=search)

    return optax.GradientTransformationExtraArgs(init, update)


def _next(search, begins, theta, gradient, value, eta):
    """(the search after an evaluation at theta [n], the next point [n] to evaluate)."""
    slope = product(gradient, search.direction)
    here = Point(search.length, jnp.where(jnp.isnan(value), jnp.inf, value), jnp.where(jnp.isfinite(slope), slope, 0))
    first, low, high = search.first, search.low, search.high
    fails = ~(value <= first.value + DECREASE * here.length * first.slope) | (value >= low.value) & (search.trials > 0)
    flat = ~fails & (jnp.abs(here.slope) <= -SLOPE * first.slope)
    over = ~begins & ~flat & (search.trials + 1 >= TRIALS)
    accepts = begins | flat | over & (value < first.value)
    search = search._replace(trials=search.trials + 1)
    # A search that fails begins again at its anchor, along the gradient.
    back = over & ~accepts
    # Barriers here and in `curvature`: XLA on CPU would compute such scalars anew for each of the n values.
    accepts, back, flat, over = jax.lax.optimization_barrier((accepts, back, flat, over))
    anchor = jnp.where(back, search.anchor, theta)
    base = jnp.where(back, search.gradient, gradient)
    # s = t d, so that s.y and s.g are known by the slopes at both ends; a pair with too small an s.y does not count.
    inner, least = here.length * (slope - first.slope), jnp.finfo(theta.dtype).eps * here.length * jnp.abs(first.slope)
    ends, pairs = Ends(search.gradient, gradient, search.products), flat & ~begins & (inner > least)
    step = theta - search.anchor
    curvature, after = remembered(search.curvature, step, inner, here.length * search.along, ends, pairs)
    inner = _where(back, search.products, after)
    fresh = search._replace(curvature=forgotten(curvature, over | begins), anchor=anchor, gradient=base, products=inner)
    fresh = _along(fresh, jnp.where(back, first.value, value), eta)
    narrowed = _narrowed(search._replace(curvature=curvature), here, low, high, fails)
    search = _where(accepts | back, fresh, narrowed)
    return search, search.anchor + jax.lax.optimization_barrier(search.length) * search.direction


def _where(condition, x, y):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), x, y)


def _along(search, value, eta):
    """A new line search from the anchor, in the direction of the two loops; along the gradient, all pairs forgotten,
    where that does not lead down.
    """
    gradient = search.gradient
    direction, along = (-x for x in inverse_hessian(search.curvature, gradient, search.products))
    slope, square = product(direction, gradient), product(gradient, gradient)
    down = jax.lax.optimization_barrier(slope < 0)
    direction, curvature = jnp.where(down, direction, -gradient), forgotten(search.curvature, ~down)
    along = jnp.where(down, along, 0)  # of forgotten pairs; what is not finite would stay, as 0 times it is not 0
    norm = jnp.sqrt(jnp.maximum(square, jnp.finfo(gradient.dtype).tiny))
    length = eta * jnp.where((curvature.inverses > 0).any(), 1, jnp.minimum(1, 1 / norm)).astype(gradient.dtype)
    zero = jnp.zeros_like(value)
    first = Point(zero, value, jnp.where(down, slope, -square))
    far, none = Point(zero + jnp.inf, zero, zero), jnp.zeros((), jnp.int32)
    search = search._replace(curvature=curvature, direction=direction, along=along)
    return search._replace(first=first, low=first, high=far, length=length, trials=none)


def _narrowed(search, here, low, high, fails):
    """The search whose interval has learnt of a trial, with its next trial."""
    turns = ~fails & (here.slope * jnp.sign(high.length - low.length) >= 0)
    high = _where(fails, here, _where(turns, low, high))
    low = _where(fails, low, here)
    bracketed = jnp.isfinite(high.length)
    wider = jnp.clip(_secant(search.low, here), WIDEN[0] * here.length, WIDEN[1] * here.length)
    other = _where(bracketed, high, low)
    narrower = low.length + (high.length - low.length) * jnp.clip(_share(low, other), *NARROW)
    length = jnp.where(bracketed, narrower, wider)
    return search._replace(low=low, high=high, length=length)


def _secant(a, b):
    """Where the slope would be 0, by those of two points; infinite where it does not rise."""
    rise = b.slope - a.slope
    return jnp.where(rise > 0, b.length - b.slope * (b.length - a.length) / jnp.where(rise > 0, rise, 1), jnp.inf)


def _share(low, high):
    """Of the interval, where the cubic through both points has its minimum (equation 3.59); a half where it has none.

    Neither need be finite at the high end.
    """
    width = high.length - low.length
    one = jnp.where(width == 0, 1, width)
    mean = low.slope + high.slope + 3 * (low.value - high.value) / one
    radicand = mean**2 - low.slope * high.slope
    root = jnp.sign(width) * jnp.sqrt(jnp.maximum(radicand, 0))
    divisor = high.slope - low.slope + 2 * root
    share = 1 - (high.slope + root - mean) / jnp.where(divisor == 0, 1, divisor)
    fine = jnp.isfinite(share) & (radicand > 0) & (divisor != 0) & (width != 0)
    return jnp.where(fine, share, 0.5)
