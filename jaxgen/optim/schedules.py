"""What a learning rate is multiplied by as training goes on: each a function of the updates in an epoch.

A schedule counts updates from a stage's step 0 and never looks at how many are to come, so that a run that is
continued goes on as if it had always been longer.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgen.optim.rate import Schedule, constant


def burda(epoch: int) -> Schedule:
    """10^(-i / 7) for 3^i passes over the data, i = 0 to 7; then as it is: 3,280 passes down to a tenth.

    Burda, Grosse & Salakhutdinov 2016, section 5.1 (https://arxiv.org/abs/1509.00519).
    """
    ends = [epoch * (3**i - 1) // 2 for i in range(1, 8)]  # updates before stage i

    def schedule(count: jax.Array) -> jax.Array:
        return 10.0 ** (-jnp.sum(count >= jnp.asarray(ends)) / 7)

    return schedule


SCHEDULES: dict[str, Callable[[int], Schedule]] = {"constant": lambda epoch: constant, "burda": burda}
