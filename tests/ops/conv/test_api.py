"""Convolutions and their derivatives against lax and its autodiff, over shapes and options."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import pytest
from convs import OPERATIONS, assert_near, both, draw, everything, results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from jaxgen.ops.conv import api as ops
from jaxgen.ops.conv import lowering

IMAGES = [(5, 6), (7, 4), (3, 1)]
KERNELS = [(3, 3), (2, 4), (1, 1), (5, 2), (7, 7)]
STRIDES = [(1, 1), (2, 2), (3, 2)]
PADDINGS = ["SAME", "VALID", ((2, 0), (1, 3)), ((6, 4), (7, 6))]


@pytest.fixture
def phases(request, monkeypatch):
    """Transposed convolutions, and gradients of strided ones, in one of their two forms whatever their size."""
    monkeypatch.setattr(lowering, "FEW", 0 if request.param else 2**30)


def cases():
    """Every size with every stride; every padding with each of them, with every stride and with both operations."""
    for (k, size), (s, strides), operation in product(enumerate(KERNELS), enumerate(STRIDES), OPERATIONS):
        image, padding = IMAGES[(k + s) % 3], PADDINGS[(k + s + (operation is ops.conv)) % 4]
        if not isinstance(padding, str) and size == (7, 7):
            padding = PADDINGS[3]  # for which every image is large enough
        fits = operation is ops.conv_transpose or all(n >= k for n, k in zip(image, size))
        yield operation, image if fits or padding != "VALID" else (9, 8), size, strides, padding


@pytest.mark.parametrize("phases", [True], indirect=True)
@pytest.mark.parametrize(
    ("operation", "image", "size", "strides", "padding"),
    [each if n % 6 == 1 else pytest.param(*each, marks=pytest.mark.ci) for n, each in enumerate(cases())],
)
def test_output_and_gradients_are_those_of_lax(phases, operation, image, size, strides, padding):
    ours, theirs = both(operation, strides, padding)
    found, expected = jax.jit(lambda *args: (results(ours, *args), results(theirs, *args)))(*draw(image, size))
    assert_near(found, expected)


OPTIONS = [
    (1, 2, 1),
    ((2, 1), (1, 3), 1),
    (2, 2, 2),
    ((3, 2), (2, 4), 1),
    (4, 6, 1),
    (2, 1, 2),
    (1, 1, 4),
    ((1, 2), 2, 4),
]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("phases", "operation", "padding", "strides", "dilation", "groups"),
    [
        (n % 2 == 0, operation, PADDINGS[(n + n // 4 + turn) % 4], *OPTIONS[n])
        for n in range(8)
        for turn, operation in enumerate(OPERATIONS)
    ],
    indirect=["phases"],
)
def test_dilated_kernels_and_groups(phases, operation, padding, strides, dilation, groups):
    ours, theirs = both(operation, strides, padding, dilation, groups)
    x, kernel = draw((14, 13), (3, 2), (4, 8), groups=groups)
    found, expected = jax.jit(lambda *args: (results(ours, *args), results(theirs, *args)))(x, kernel)
    assert_near(found, expected)


@pytest.mark.ci
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("channels", [(4, 4), (4, 8)])
def test_depthwise(operation, channels):
    ours, theirs = both(operation, 2, "SAME", 1, 4)
    x, kernel = draw((6, 7), (3, 2), channels, groups=4)
    assert_near(*(jax.jit(partial(everything, each))(x, kernel) for each in (ours, theirs)))


@pytest.mark.ci
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("phases", "padding", "strides", "dilation", "groups", "inputs"),
    [
        (True, "SAME", 1, 1, 1, 4),
        (False, "VALID", 2, 1, 1, 1),
        (True, ((3, 1),), 3, 2, 1, 4),
        (True, "VALID", 1, 2, 2, 4),
        (False, "SAME", 3, 2, 1, 4),
    ],
    indirect=["phases"],
)
def test_one_axis(phases, operation, padding, strides, dilation, groups, inputs):
    ours, theirs = both(operation, strides, padding, dilation, groups)
    x, kernel = draw((11,), (3,), (inputs, 6), groups=groups)
    found, expected = jax.jit(lambda *args: (everything(ours, *args), everything(theirs, *args)))(x, kernel)
    assert_near(found, expected)


@pytest.mark.ci
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("channels", "strides", "dilation"),
    [
        *[((1, 5), 1, 1), ((1, 5), 2, (3, 1)), ((5, 1), 1, 1), ((5, 1), (2, 3), 1)],
        *[((5, 1), 1, 2), ((1, 1), (2, 3), 1), ((1, 1), 2, (3, 1))],
    ],
)
def test_one_channel(operation, channels, strides, dilation):
    ours, theirs = both(operation, strides, "SAME", dilation)
    x, kernel = draw((6, 7), (3, 2), channels)
    assert_near(jax.jit(partial(results, ours))(x, kernel), jax.jit(partial(results, theirs))(x, kernel))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(some.data())
def test_any_convolution_has_the_derivatives_of_lax(data):
    pick = lambda *values: data.draw(some.sampled_from(values))
    axes, operation, groups = pick(1, 2), pick(*OPERATIONS), pick(1, 1, 2, 3)
    few = lambda low, high: tuple(data.draw(some.integers(low, high)) for _ in range(axes))
    strides, dilation, size, image = few(1, 4), few(1, 3), few(1, 4), few(1, 9)
    reach = [(k - 1) * e + 1 for k, e in zip(size, dilation)]
    sides = tuple((data.draw(some.integers(0, 2)), far - 1) for far in reach)  # room for the kernel, whatever the image
    padding = pick("SAME", sides)
    channels = (groups * data.draw(some.integers(1, 3)), groups * data.draw(some.integers(1, 3)))
    x, kernel = draw(image, size, channels, data.draw(some.integers(1, 3)), groups)
    ours, theirs = both(operation, strides, padding, dilation, groups)
    found, expected = jax.jit(lambda *args: (everything(ours, *args), everything(theirs, *args)))(x, kernel)
    assert_near(found, expected)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, k: (x[0], k), r"expected x \[N, H, W, I\].*found"),
        (lambda x, k: (x[..., :2], k), r"expected x \[N, H, W, I\].*found \(2, 5, 6, 2\)"),
        (lambda x, k: (x, k[0]), "expected"),
        (lambda x, k: (x, k.astype(jnp.bfloat16)), "of one type, found float32 and bfloat16"),
        (lambda x, k: (x, k, 1, "same"), "padding is SAME, VALID or"),
        (lambda x, k: (x, k, 1, 1), "padding is SAME, VALID or"),
        (lambda x, k: (x, k, 1, [(1, 1)]), "padding is SAME, VALID or"),
        (lambda x, k: (x, k, 1, "SAME", 1, 0), "groups are at least 1"),
        (lambda x, k: (x, k, (1, 1, 1)), "one number, or one for each of 2 axes"),
        (lambda x, k: (x, k, 0), "at least 1"),
        (lambda x, k: (x, k, 1, "SAME", 1, 2), "in 2 groups"),
        (lambda x, k: (x[:, :2], k, 1, "VALID"), r"found 2 pixels, padded by 0 and 0, under a kernel of 3"),
        (lambda x, k: (x, k, 1, "VALID", 3), r"under a kernel of 7"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ops.conv(*change(*draw((5, 6), (3, 3))))
