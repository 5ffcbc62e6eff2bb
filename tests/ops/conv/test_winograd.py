"""Convolutions by minimal filtering: against the formula, and where they are used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convs import assert_near, both, draw, everything

from jaxgen.ops.conv import api, plain, winograd

on_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="other backends keep XLA's own convolutions")


@pytest.mark.parametrize("taps", winograd.TAPS)
def test_four_outputs_of_a_row_by_fewer_products(taps):
    matrices, draws = winograd.filtering(winograd.TILE, taps), np.random.default_rng(0)
    pixels, kernel = draws.normal(size=len(matrices.image)), draws.normal(size=taps)
    products = (matrices.kernel @ kernel) * (matrices.image @ pixels)
    np.testing.assert_allclose(matrices.output.T @ products, np.correlate(pixels, kernel, "valid"), rtol=1e-9)
    assert len(products) == {3: 6, 5: 8}[taps]  # for 12 and 20


@pytest.fixture
def always(monkeypatch):
    """Filtering of every convolution that it can compute, however small, in parts of two images."""
    for name in ("INPUTS", "OUTPUTS", "COLUMNS", "PIXELS", "PRODUCTS"):
        monkeypatch.setattr(winograd, name, 1)
    monkeypatch.setattr(winograd, "LEAST", 2)
    monkeypatch.setattr(winograd, "parts", lambda batch, image: batch // 2)


@on_cpu
@pytest.mark.parametrize(
    ("image", "size", "padding"),
    [
        ((5, 9), (3, 3), "SAME"),
        ((6, 8), (5, 5), "SAME"),
        pytest.param((7, 10), (2, 5), "VALID", marks=pytest.mark.ci),
        pytest.param((4, 7), (1, 3), ((0, 2), (3, 0)), marks=pytest.mark.ci),
    ],
)
def test_output_and_gradients_are_those_of_lax(image, size, padding, always):
    ours, theirs = both(api.conv, 1, padding)
    x, kernel = draw(image, size, batch=4)
    computed = jax.jit(lambda *args: everything(ours, *args))
    assert "while" in computed.lower(x, kernel).as_text()  # over parts: nothing else here loops
    assert_near(computed(x, kernel), jax.jit(lambda *args: everything(theirs, *args))(x, kernel), 4e-5)


@on_cpu
@pytest.mark.parametrize(
    ("wide", "part"),
    [
        ({}, True),
        ({"strides": 2}, False),
        ({"dilation": 2}, False),
        ({"padding": ((-1, 0), (0, 0))}, False),
        ({"dtype": jnp.bfloat16}, False),
        ({"width": 8}, False),
        ({"features": 32}, False),
        ({"batch": 1, "height": 256, "width": 256, "features": 128}, True),
        ({"batch": 1, "height": 256, "width": 256}, False),
        ({"batch": 1, "features": 512}, False),
    ],
)
def test_only_wide_plain_convolutions_are_filtered(wide, part):
    options = {"batch": 64, "height": 32, "width": 32, "features": 64, "dtype": jnp.float32, **wide}
    size = [options.pop(name) for name in ("batch", "height", "width")]
    x = jax.ShapeDtypeStruct((*size, 64), options["dtype"])
    kernel = jax.ShapeDtypeStruct((3, 3, 64, options.pop("features")), options.pop("dtype"))
    lowered = jax.jit(lambda x, kernel: api.conv(x, kernel, **options)).lower(x, kernel).as_text()
    assert ("while" in lowered) is part


def test_parts_divide_a_batch():
    assert [winograd.parts(n, 2**20) for n in (1, 3, 20, 64, 128)] == [1, 1, 4, 16, 32]
    assert winograd.parts(64, 2**10) == 1


def test_errors_of_float32_are_small():
    x, kernel = draw((16, 16), (5, 5), channels=(64, 64), batch=2)
    x, kernel = x.astype(np.float32), kernel.astype(np.float32)
    filtered = jax.jit(lambda x, kernel: winograd.convolve(x, kernel, ((2, 2), (2, 2))))(x, kernel)
    direct = jax.jit(lambda x, kernel: plain.plain(x, kernel, plain.Window((1, 1), (1, 1), (1, 1), ((2, 2),) * 2)))
    assert jnp.abs(filtered - direct(x, kernel)).max() < 1e-4 * direct(x, kernel).std()
