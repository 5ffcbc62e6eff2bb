"""Convolutions and their gradients against lax and its autodiff.

Explicit padding is done by the reference itself: jax 0.10.2 on CPU computes some convolutions with negative
padding, which autodiff makes of generous padding, from memory outside the array.
"""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgen.core.types import Refused
from jaxgen.ops import conv as ops
from jaxgen.ops import correlation

LAYOUT = ("NHWC", "HWIO", "NHWC")
IMAGES = [(5, 6), (7, 4), (3, 1)]
KERNELS = [(3, 3), (2, 4), (1, 1), (5, 2), (7, 7)]
STRIDES = [(1, 1), (2, 2), (3, 2)]
PADDINGS = ["SAME", "VALID", ((2, 0), (1, 3)), ((6, 4), (7, 6))]
OPERATIONS = [ops.conv, ops.conv_transpose]


def reference(operation, x, kernel, strides, padding):
    transposed = operation is ops.conv_transpose
    if not isinstance(padding, str):
        sides = [(*side, s - 1 if transposed else 0) for side, s in zip(padding, strides)]
        x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *sides, (0, 0, 0)))
        strides = (1, 1) if transposed else strides
        return lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=LAYOUT)
    if transposed:
        return lax.conv_transpose(x, kernel, strides, padding)
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=LAYOUT)


def cases():
    for i, (size, strides, operation) in enumerate(product(KERNELS, STRIDES, OPERATIONS)):
        for j in (i, i + 1 + i // 4):  # two of four paddings each, all of them with every stride
            image, padding = IMAGES[j % 3], PADDINGS[j % 4]
            fits = operation is ops.conv_transpose or all(n >= k for n, k in zip(image, size))
            if padding != "VALID" or fits:
                if not isinstance(padding, str) and size == (7, 7):
                    padding = PADDINGS[3]
                yield operation, image, size, strides, padding


def draw(image, size, channels=(3, 4), batch=2):
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    return (
        jax.random.normal(x_key, (batch, *image, channels[0])),
        jax.random.normal(kernel_key, (*size, *channels)),
    )


def results(function, x, kernel):
    """The output and both gradients, for a cotangent that tells all pixels apart."""
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(jnp.sin(1.0 + jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape).astype(y.dtype))


def assert_near(found, expected, tolerance=1e-5):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        assert np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-3)


def both(operation, strides, padding):
    return (
        lambda x, kernel: operation(x, kernel, strides, padding),
        lambda x, kernel: reference(operation, x, kernel, strides, padding),
    )


@pytest.mark.parametrize(("operation", "image", "size", "strides", "padding"), list(cases()))
def test_output_and_gradients_are_those_of_lax(operation, image, size, strides, padding):
    ours, theirs = both(operation, strides, padding)
    found, expected = jax.jit(lambda *args: (results(ours, *args), results(theirs, *args)))(*draw(image, size))
    assert_near(found, expected)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("channels", [(1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_one_channel(operation, channels, strides):
    ours, theirs = both(operation, strides, "SAME")
    x, kernel = draw((6, 7), (3, 2), channels)
    assert_near(jax.jit(partial(results, ours))(x, kernel), jax.jit(partial(results, theirs))(x, kernel))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_chunks_of_a_batch_add_up(operation, monkeypatch):
    monkeypatch.setattr(correlation, "CHUNK", 1)
    ours, theirs = both(operation, (2, 2), "SAME")
    x, kernel = draw((5, 6), (3, 3), batch=48)
    gradient = jax.jit(partial(results, ours))
    assert "while" in gradient.lower(x, kernel).as_text()
    assert_near(gradient(x, kernel), jax.jit(partial(results, theirs))(x, kernel))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_inside_scan(operation):
    ours, theirs = both(operation, (2, 2), "SAME")
    x, kernel = draw((5, 6), (3, 3), batch=6)
    x = x.reshape(3, 2, *x.shape[1:])

    def loop(kernel, x):
        return lax.scan(lambda kernel, x: (kernel - 0.01 * results(ours, x, kernel)[2],) * 2, kernel, x)[0]

    expected = kernel
    for one in x:
        expected = expected - 0.01 * results(theirs, one, expected)[2]
    assert_near([jax.jit(loop)(kernel, x)], [expected])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("over", ["inputs", "kernels", "both"])
def test_vmap(operation, over):
    ours, theirs = both(operation, (2, 1), "SAME")
    x, kernel = draw((5, 6), (3, 2))
    x = x if over == "kernels" else jnp.stack([x, x**2, 1.0 - x])
    kernel = kernel if over == "inputs" else jnp.stack([kernel, kernel**2, 1.0 - kernel])
    axes = (None if over == "kernels" else 0, None if over == "inputs" else 0)
    found = jax.jit(jax.vmap(partial(results, ours), axes))(x, kernel)
    single = [
        results(theirs, x if axes[0] is None else x[i], kernel if axes[1] is None else kernel[i]) for i in range(3)
    ]
    assert_near(found, [jnp.stack(parts) for parts in zip(*single)])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("batch", [2, 16])
def test_second_derivatives(operation, batch, monkeypatch):
    monkeypatch.setattr(correlation, "CHUNK", 1)
    x, kernel = draw((5, 4), (3, 2), batch=batch)

    def penalty(function):
        def slope(x, kernel):
            loss = lambda x, kernel: jnp.sin(function(x, kernel)).mean()
            return sum((g**2).sum() for g in jax.grad(loss, (0, 1))(x, kernel))

        return jax.jit(jax.grad(slope, (0, 1)))(x, kernel)

    ours, theirs = both(operation, (2, 2), "SAME")
    assert_near(penalty(ours), penalty(theirs))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bfloat16(operation):
    ours, _ = both(operation, (2, 2), "SAME")
    x, kernel = draw((5, 6), (3, 3))
    found = jax.jit(partial(results, ours))(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    assert all(a.dtype == jnp.bfloat16 for a in found)
    assert_near(found, jax.jit(partial(results, ours))(x, kernel), tolerance=0.02)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other backends keep XLA's own gradients")
def test_kernel_gradients_see_no_zeros_between_pixels_and_need_no_input_gradient():
    x, kernel = draw((8, 8), (3, 3))
    for operation in OPERATIONS:
        gradient = jax.jit(lambda kernel, op=operation: results(lambda x, k: op(x, k, (2, 2)), x, kernel)[2])
        text = gradient.lower(kernel).compile().as_text()
        assert text.count(" convolution(") == 1  # neither the output nor the input's gradient
        assert "lhs_dilate" not in text


def test_shapes_that_do_not_fit_are_refused():
    x, kernel = draw((5, 6), (3, 3))
    for wrong in (x[0], x[..., :2]):
        with pytest.raises(Refused, match=r"expected x \[N, H, W, I\].*found"):
            ops.conv(wrong, kernel)
    with pytest.raises(Refused, match="expected"):
        ops.conv_transpose(x, kernel[0])
