"""What a learning rate is multiplied by as training goes on: each a function of the updates made so far.

A schedule counts updates t from a stage's step 0 and gives a factor of the rate, 1 where that is as it was asked for.
Those that are told the `total` number of updates, and warm-up and cooldown, fix a run's length; with the others a run
that is continued goes on as if it had always been longer.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

from jaxgen.optim.rate import Schedule, constant


def piecewise(boundaries: Sequence[int], factors: Sequence[float] = ()) -> Schedule:
    """1 before the first boundary, then factors[n] from update boundaries[n] on; without factors 0.1, 0.01, ..."""
    values = [1.0, *(factors or [0.1**n for n in range(1, len(boundaries) + 1)])]
    return lambda t: jnp.asarray(values)[jnp.sum(t >= jnp.asarray(boundaries))]


def exponential(decay_steps: float, decay_rate: float = 0.1) -> Schedule:
    """decay_rate^(t / decay_steps): a tenth every decay_steps updates."""
    return lambda t: decay_rate ** (t / decay_steps)


def power(decay_steps: float, decay_power: float = 1.0) -> Schedule:
    """(1 + t / decay_steps)^-decay_power: at 1 a half after decay_steps updates, a third after twice as many."""
    return lambda t: (1.0 + t / decay_steps) ** -decay_power


def inverse_time(decay_steps: float, decay_rate: float = 1.0) -> Schedule:
    """1 / (1 + decay_rate t / decay_steps), which is Keras's InverseTimeDecay; its `decay` is at decay_steps = 1."""
    return lambda t: 1.0 / (1.0 + decay_rate * (t / decay_steps))


def cosine(total: int, warmup: float = 0.0, rate_floor: float = 0.0) -> Schedule:
    """Half a cosine from 1, where the first `warmup` share of the run ends, down to rate_floor at its end.

    Loshchilov & Hutter 2017, equation 5 (https://arxiv.org/abs/1608.03983), without restarts.
    """
    start = warmup * total

    def schedule(t: jax.Array) -> jax.Array:
        gone = jnp.clip((t - start) / max(total - start, 1), 0.0, 1.0)
        return rate_floor + (1.0 - rate_floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * gone))

    return schedule


def one_cycle(total: int) -> Schedule:
    """Lines from 0.1 up to 1 at 45 % of the run, down to 0.1 at 90 %, down to 0.001 at its end.

    After Smith 2018 (https://arxiv.org/abs/1803.09820), who moves momentum the other way; here that stays as it is.
    """
    return lambda t: jnp.interp(t / total, jnp.array([0.0, 0.45, 0.9, 1.0]), jnp.array([0.1, 1.0, 0.1, 0.001]))


def burda(epoch: int) -> Schedule:
    """10^(-i / 7) for 3^i passes over the data, i = 0 to 7; then as it is: 3,280 passes down to a tenth.

    Burda, Grosse & Salakhutdinov 2016, section 5.1 (https://arxiv.org/abs/1509.00519).
    """
    ends = [min(epoch * (3**i - 1) // 2, 2**31 - 1) for i in range(1, 8)]  # updates before stage i
    return lambda t: 10.0 ** (-jnp.sum(t >= jnp.asarray(ends)) / 7)


def warmed(schedule: Schedule, share: float, total: int) -> Schedule:
    """`schedule`, over the first `share` of `total` updates multiplied by a line up to 1.

    The first update already has its step on it, 1 / (share total), because one of 0 would be in vain
    (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).
    """
    return (lambda t: schedule(t) * jnp.minimum((t + 1) / (share * total), 1.0)) if share else schedule


def cooled(schedule: Schedule, share: float, total: int) -> Schedule:
    """`schedule`, over the last `share` of `total` updates multiplied by a line from 1 down to 0.

    Noise of the gradient, which a rate high enough to get anywhere leaves in the parameters, is gone after a few
    epochs of it (Hägele et al. 2024, https://arxiv.org/abs/2405.18392).
    """
    return (lambda t: schedule(t) * jnp.clip((total - t) / (share * total), 0.0, 1.0)) if share else schedule


# By name; what each takes besides the run's `epoch` and `total`, both in updates, is a flag of that name.
# `performance` is a policy of cuts, see `core.progress`, beside a schedule that does nothing.
SCHEDULES: Mapping[str, Callable[..., Schedule]] = {
    "constant": lambda: constant,
    "burda": burda,
    "piecewise": piecewise,
    "exponential": exponential,
    "power": power,
    "inverse_time": inverse_time,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "performance": lambda: constant,
}
