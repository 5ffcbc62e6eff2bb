"""Convolutions are XLA's own on a CPU; where its compiler knows no such option, nothing is asked of it."""

import jax
import jax.numpy as jnp

from jaxgen.core import compiling


def convolve(x, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions)


def test_convolutions_are_xlas_own_and_products_as_ever():
    x, kernel, square = jnp.ones((128, 14, 14, 32)), jnp.ones((3, 3, 32, 64)), jnp.ones((256, 256))
    text = lambda f, options, *args: jax.jit(f, compiler_options=options).lower(*args).compile().as_text()
    assert "ynn_fusion" not in text(convolve, compiling.options(), x, kernel)
    product = lambda a: a @ a
    assert text(product, compiling.options(), square) == text(product, None, square)


def test_an_unknown_option_is_left_out(monkeypatch):
    assert compiling.options.__wrapped__() == compiling.OWN_CONVOLUTIONS
    with monkeypatch.context() as patched:
        patched.setattr(compiling, "OWN_CONVOLUTIONS", {"xla_no_such_option": "1"})
        assert compiling.options.__wrapped__() == {}
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiling.options.__wrapped__() == {}
