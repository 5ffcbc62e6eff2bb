"""What a learning rate is multiplied by as training goes on: each a function of the updates in an epoch.

A schedule counts updates from a stage's step 0 and never looks at how many are to come, so that a run that is
continued goes on as if it had always been longer. A cooldown does, and fixes a run's length.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgen.optim.rate import Schedule, constant


def burda(epoch: int) -> Schedule:
    """10^(-i / 7) for 3^i passes over the data, i = 0 to 7; then as it is: 3,280 passes down to a tenth.

    Burda, Grosse & Salakhutdinov 2016, section 5.1 (https://arxiv.org/abs/1509.00519).
    """
    ends = [min(epoch * (3**i - 1) // 2, 2**31 - 1) for i in range(1, 8)]  # updates before stage i

    def schedule(count: jax.Array) -> jax.Array:
        return 10.0 ** (-jnp.sum(count >= jnp.asarray(ends)) / 7)

    return schedule


def cooled(schedule: Schedule, share: float, total: int) -> Schedule:
    """`schedule`, over the last `share` of `total` updates multiplied by a line from 1 down to 0.

    Noise of the gradient, which a rate high enough to get anywhere leaves in the parameters, is gone after a few
    epochs of it (Hägele et al. 2024, https://arxiv.org/abs/2405.18392).
    """

    def cooling(count: jax.Array) -> jax.Array:
        return schedule(count) * jnp.clip((total - count) / (share * total), 0.0, 1.0)

    return cooling if share else schedule


SCHEDULES: dict[str, Callable[[int], Schedule]] = {"constant": lambda epoch: constant, "burda": burda}
