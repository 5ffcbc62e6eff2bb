"""XLA's convolution, and the ways round what is slow in it on CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convs import draw

from jaxgen.ops.conv import plain
from jaxgen.ops.conv.plain import Window

NONE, ONE = ((0, 0), (0, 0)), (1, 1)


@pytest.mark.parametrize(
    ("size", "window", "names"),
    [
        ((1, 1), Window(ONE, ONE, ONE, NONE), ["dot_general"]),
        ((1, 1), Window((2, 2), ONE, ONE, NONE), ["convolution"]),
        ((3, 3), Window(ONE, ONE, ONE, NONE), ["convolution", "slice"]),
        ((3, 2), Window((2, 1), ONE, (2, 1), NONE), ["convolution"]),
        ((3, 3), Window(ONE, ONE, ONE, ((1, 1), (1, 1))), ["convolution"]),
        ((5, 1), Window((3, 1), ONE, ONE, NONE), ["convolution"]),
    ],
)
def test_fast_equals_plain(size, window, names):
    x, kernel = draw((19, 11), size, channels=(plain.WIDE, 5))
    computed = jax.jit(lambda x, kernel: plain.fast(x, kernel, window))
    direct = jax.jit(lambda x, kernel: plain.plain(x, kernel, window))
    lowered = computed.lower(x, kernel).as_text()
    assert [name for name in ("dot_general", "convolution", "slice") if f"stablehlo.{name}" in lowered] == names
    np.testing.assert_allclose(computed(x, kernel), direct(x, kernel), rtol=1e-5, atol=1e-5)


def test_narrow_types_are_left_to_xla():
    x, kernel = draw((8, 8), (1, 1), channels=(16, 4), dtype=jnp.bfloat16)
    lowered = jax.jit(lambda x, kernel: plain.fast(x, kernel, Window(ONE, ONE, ONE, NONE))).lower(x, kernel).as_text()
    assert "convolution" in lowered
