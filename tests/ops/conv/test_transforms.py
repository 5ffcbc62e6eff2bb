"""Convolutions under the transformations of JAX, and what is compiled of them."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from convs import OPERATIONS, assert_near, both, draw, everything, results

from jaxgen.ops.conv import lowering, primitives

on_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="other backends keep XLA's own gradients")


@pytest.mark.ci
@pytest.mark.parametrize("operation", OPERATIONS)
def test_chunks_of_a_batch_add_up(operation, monkeypatch):
    monkeypatch.setattr(lowering, "CHUNK", 1)
    ours, theirs = both(operation, (2, 2), "SAME")
    x, kernel = draw((5, 6), (3, 3), batch=48)
    gradient = jax.jit(partial(everything, ours))
    assert "while" in gradient.lower(x, kernel).as_text()
    assert_near(gradient(x, kernel), jax.jit(partial(everything, theirs))(x, kernel))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "over", ["inputs", pytest.param("kernels", marks=pytest.mark.ci), pytest.param("both", marks=pytest.mark.ci)]
)
@pytest.mark.parametrize(("groups", "axis"), [(2, 0), pytest.param(1, 3, marks=pytest.mark.slow)])
def test_vmap(operation, over, groups, axis, monkeypatch):
    monkeypatch.setattr(primitives, "NARROW", 16 if groups == 1 else 0)  # kernels side by side, and one by one
    ours, theirs = both(operation, (2, 1), "SAME", 1, groups)
    x, kernel = draw((5, 6), (3, 2), (4, 4), groups=groups)
    spread = lambda a: jnp.stack([a, a**2, 1.0 - a], axis)
    axes = (None if over == "kernels" else axis, None if over == "inputs" else axis)
    wide = [a if where is None else spread(a) for a, where in zip((x, kernel), axes)]
    found = jax.jit(jax.vmap(partial(everything, ours), axes))(*wide)
    take = lambda a, where, i: a if where is None else jnp.take(a, i, where)
    one = jax.jit(partial(everything, theirs))
    single = [one(*(take(a, where, i) for a, where in zip(wide, axes))) for i in range(3)]
    assert_near(found, [jnp.stack(parts) for parts in zip(*single)])


@pytest.mark.ci
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_images_at_all(operation):
    for groups in (1, 2):
        ours, theirs = both(operation, 2, "SAME", 1, groups)
        x, kernel = draw((5, 6), (3, 2), (4, 4), batch=0, groups=groups)
        found, expected = jax.jit(lambda *args, f=ours, g=theirs: (results(f, *args), results(g, *args)))(x, kernel)
        assert_near(found, expected)
        for batches in (jnp.stack([x] * 3), x[None][:0]):
            y = jax.jit(jax.vmap(ours, (0, None)))(batches, kernel)
            assert y.shape == (len(batches), *expected[0].shape)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_outside_of_jit(operation):
    ours, theirs = both(operation, 2, "SAME")
    x, kernel = draw((4, 4), (3, 3), batch=1)
    assert_near(everything(ours, x, kernel), everything(theirs, x, kernel))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bfloat16(operation):
    """Within 2 %: eight bits of mantissa, one rounding of sums made in float32."""
    ours, _ = both(operation, (2, 2), "SAME")
    x, kernel = draw((5, 6), (3, 3))
    found = jax.jit(partial(results, ours))(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    assert all(a.dtype == jnp.bfloat16 for a in found)
    assert_near(found, jax.jit(partial(results, ours))(x, kernel), tolerance=0.02)


@pytest.mark.slow
def test_float64():
    with jax.enable_x64(True):
        x, kernel = draw((5, 6), (3, 3), dtype=jnp.float64)
        ours, theirs = both(OPERATIONS[0], 2, "SAME")
        assert_near(everything(ours, x, kernel), everything(theirs, x, kernel), 1e-13)


@on_cpu
def test_kernel_gradients_see_no_zeros_between_pixels_and_need_no_input_gradient():
    x, kernel = draw((8, 8), (3, 3))
    for operation in OPERATIONS:
        gradient = jax.jit(lambda kernel, op=operation: results(lambda x, k: op(x, k, (2, 2)), x, kernel)[2])
        text = gradient.lower(kernel).compile().as_text()
        assert text.count(" convolution(") == 1  # neither the output nor the input's gradient
        assert "lhs_dilate" not in text


@pytest.mark.ci
@on_cpu
def test_mapped_kernels_make_no_grouped_convolution():
    x, kernel = draw((6, 6), (3, 3), (4, 4))
    for operation in OPERATIONS:
        seeds = jax.jit(jax.vmap(lambda x, k, op=operation: results(lambda x, k: op(x, k, 2), x, k)))
        text = seeds.lower(jnp.stack([x, x]), jnp.stack([kernel, kernel])).compile().as_text()
        assert "feature_group_count" not in text
        assert "batch_group_count" not in text


@pytest.mark.ci
def test_the_form_for_other_backends_has_the_same_values(monkeypatch):
    """`..._by_xla` is what a GPU compiles; here it runs on whatever there is."""
    x, kernel = draw((5, 6), (3, 2))
    for operation in OPERATIONS:
        ours, theirs = both(operation, 2, "SAME")
        jaxpr = jax.make_jaxpr(lambda x, k, f=ours: f(x, k))(x, kernel)
        window = next(eqn.params["window"] for eqn in jaxpr.eqns if "window" in eqn.params)
        pulled = jax.vjp(theirs, x, kernel)
        dy = jnp.sin(pulled[0])
        two = lambda a: jnp.stack([a, 1.0 - a])
        y = lowering.convolve_by_xla(two(x), two(kernel), window)
        dk = lowering.kernel_gradient_by_xla(two(x), two(dy), window, (3, 2))
        other = jax.vjp(theirs, 1.0 - x, 1.0 - kernel)
        assert_near(list(y), [pulled[0], other[0]])
        assert_near(list(dk), [pulled[1](dy)[1], other[1](1.0 - dy)[1]])
