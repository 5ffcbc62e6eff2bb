"""Initialisers of kernels by name: dense [in, out] or of a convolution [kh, kw, in, out], with mean 0.

in, out    fans: the channels on either side, times kh * kw
"""

import math
from collections.abc import Callable

import flax.linen as nn

from jaxgen.core.types import Refused

# The lecture's table: the factor of Xavier's width for kernels that feed an activation.
RECTIFIERS = ("relu", "leaky_relu", "rrelu", "prelu", "elu", "selu", "gelu")
FACTORS = {"sigmoid": 1.0, "tanh": 4.0, **dict.fromkeys(RECTIFIERS, math.sqrt(2.0))}

CUT = 0.87962566103423978  # standard deviation of a standard normal cut at +-2; JAX divides by it, to keep the variance

_scaling = nn.initializers.variance_scaling

# name -> (name of the activation -> initialiser); only the lecture's depend on the activation. "uniform" is U(-r, r)
# with r^2 = 3 times the variance, "normal" is not truncated.
INITIALIZERS: dict[str, Callable[[str], nn.initializers.Initializer]] = {
    # Glorot & Bengio 2010, equations 12 and 16 (https://proceedings.mlr.press/v9/glorot10a.html): 2 / (in + out)
    "xavier_uniform": lambda _: _scaling(1.0, "fan_avg", "uniform"),
    "xavier_normal": lambda _: _scaling(1.0, "fan_avg", "normal"),
    # He et al. 2015, equation 10 (https://arxiv.org/abs/1502.01852): 2 / in
    "he_uniform": lambda _: _scaling(2.0, "fan_in", "uniform"),
    "he_normal": lambda _: _scaling(2.0, "fan_in", "normal"),
    # LeCun et al. 1998, Efficient BackProp, section 4.6: 1 / in; for SELU too (https://arxiv.org/abs/1706.02515)
    "lecun_normal": lambda _: _scaling(1.0, "fan_in", "normal"),
    # r = factor sqrt(6 / (in + out)), sigma = factor sqrt(2 / (in + out)): the same variance. The lecture prints a 6
    # in sigma, too, which is a mistake.
    "lecture_uniform": lambda activation: _scaling(FACTORS[activation] ** 2, "fan_avg", "uniform"),
    "lecture_normal": lambda activation: _scaling(FACTORS[activation] ** 2, "fan_avg", "normal"),
    # The lecture's code: TensorFlow's truncated_normal of stddev 2 / sqrt(in), cut at two of these and not rescaled
    # afterwards, so that the standard deviation is CUT times it.
    "truncated": lambda _: _scaling((2.0 * CUT) ** 2, "fan_in", "truncated_normal"),
}


def initializer(name: str, activation: str) -> nn.initializers.Initializer:
    """One of INITIALIZERS for kernels that feed `activation`, one of FACTORS.

    Raises:
        Refused: an unknown name of either.
    """
    for kind, value, choices in (("initializer", name, INITIALIZERS), ("activation", activation, FACTORS)):
        if value not in choices:
            raise Refused(f"unknown {kind} {value!r}; known: {', '.join(sorted(choices))}")
    return INITIALIZERS[name](activation)
