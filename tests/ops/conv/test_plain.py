"""XLA's convolution, and the ways round what is slow in it on CPU."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convs import draw

from jaxgen.ops.conv import api, plain
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


@pytest.mark.parametrize(("size", "strides"), [((3, 3), (1, 1)), ((5, 5), (1, 1)), ((1, 1), (1, 1)), ((4, 4), (2, 2))])
def test_nothing_of_what_helps_a_cpu_is_in_a_program_of_a_gpu_or_tpu(size, strides):
    """A convolution and its gradients are three convolutions there; here they are products or more operations."""
    x, kernel = draw((24, 24), size, channels=(plain.WIDE, 32))

    def both(x, kernel):
        y, back = jax.vjp(lambda x, kernel: api.conv(x, kernel, strides), x, kernel)
        return back(y)

    traced, ours = jax.jit(both).trace(x, kernel), {"dot_general", "while", "slice", "concatenate", "dynamic_slice"}
    for platform in ("cuda", "tpu", "cpu"):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        operations = re.findall(r"stablehlo\.(\w+)", text)
        if platform == "cpu":
            assert ours.intersection(operations)
        else:
            assert not ours.intersection(operations)
            assert operations.count("convolution") == 3
