"""Learning rate schedules: functions of the updates made so far that return a factor of the rate.

A schedule counts updates t from a stage's step 0; at a factor of 1 the rate is the one of --learning_rate. Schedules
that take the `total` number of updates, and warm-up and cooldown, fix a run's length; with the others a run that is
continued goes on as if it had always been longer.
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
    """(1 + t / decay_steps)^-decay_power: for power 1, 1/2 after decay_steps updates, 1/3 after twice as many."""
    return lambda t: (1.0 + t / decay_steps) ** -decay_power


def inverse_time(decay_steps: float, decay_rate: float = 1.0) -> Schedule:
    """1 / (1 + decay_rate t / decay_steps), which is Keras's InverseTimeDecay; its `decay` is at decay_steps = 1."""
    return lambda t: 1.0 / (1.0 + decay_rate * (t / decay_steps))


def cosine(total: int, warmup: float = 0.0, rate_floor: float = 0.0) -> Schedule:
    """Half a cosine from 1, at the end of the first `warmup` share of the run, down to rate_floor at the run's end.

    Loshchilov & Hutter 2017, equation 5 (https://arxiv.org/abs/1608.03983), without restarts.
    """
    start = warmup * total

    def schedule(t: jax.Array) -> jax.Array:
        share = jnp.clip((t - start) / max(total - start, 1), 0.0, 1.0)
        return rate_floor + (1.0 - rate_floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * share))

    return schedule


def one_cycle(total: int) -> Schedule:
    """Linear from 0.1 up to 1 at 45 % of the run, down to 0.1 at 90 %, down to 0.001 at its end.

    After Smith 2018 (https://arxiv.org/abs/1803.09820), who moves momentum the opposite way; here it is constant.
    """
    return lambda t: jnp.interp(t / max(total, 1), jnp.array([0.0, 0.45, 0.9, 1.0]), jnp.array([0.1, 1.0, 0.1, 0.001]))


def burda(epoch: int) -> Schedule:
    """10^(-i / 7) for 3^i passes over the data, i = 0 to 7, 3,280 passes in all; 0.1 from then on.

    Burda, Grosse & Salakhutdinov 2016, section 5.1 (https://arxiv.org/abs/1509.00519).
    """
    ends = [min(epoch * (3**i - 1) // 2, 2**31 - 1) for i in range(1, 8)]  # updates before stage i
    return lambda t: 10.0 ** (-jnp.sum(t >= jnp.asarray(ends)) / 7)


def warmed(schedule: Schedule, share: float, total: int) -> Schedule:
    """`schedule` times a linear rise to 1 over the first `share` of `total` updates.

    The first update has the factor 1 / (share total) and not 0, which would waste it (Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677).
    """
    return (lambda t: schedule(t) * jnp.minimum((t + 1) / max(share * total, 1.0), 1.0)) if share else schedule


def cooled(schedule: Schedule, share: float, total: int) -> Schedule:
    """`schedule` times a linear fall from 1 to 0 over the last `share` of `total` updates.

    It removes the noise that gradients at a high rate leave in the parameters (Hägele et al. 2024,
    https://arxiv.org/abs/2405.18392).
    """
    return (lambda t: schedule(t) * jnp.clip((total - t) / max(share * total, 1.0), 0.0, 1.0)) if share else schedule


# By name. Arguments besides the run's `epoch` and `total`, both in updates, are flags of the same name.
# `performance` is a constant schedule; the cuts are the policy's, see `core.progress`.
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
