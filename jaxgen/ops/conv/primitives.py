"""Convolution as two bilinear primitives that are closed under differentiation and vmap.

A convolution y = x * k and its two gradients are the partial derivatives of one trilinear form, sum(dy (x * k)):
each is linear in its two arguments, and the transpose of each is one of the others. They are primitives with exactly
those rules, from which reverse mode, forward mode, derivatives of any order and vmap, over images, over kernels and
over both, follow. (`custom_vjp` has no forward mode; `custom_jvp` would leave the transposes to XLA's slow ones.)
`lowering` computes them, on CPU and elsewhere.

S parallel convolutions (groups or vmapped kernels) of N images of H by W, I input and O output channels, kernel kh by
kw. Per axis: n the size of x, m of y, k of the kernel, s stride, d dilation of x (the stride of a transposed
convolution), e dilation of the kernel, lo and hi padding. One of s and d is 1.

    y[o] = sum_t kernel[t] z[o s + t e - lo]      where z[i d] = x[i] and z is zero elsewhere
    m    = ((n - 1) d + 1 + lo + hi - (k - 1) e - 1) // s + 1
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaxgen.ops.conv import lowering
from jaxgen.ops.conv.plain import Pair, Window, sizes

NARROW = 16  # channels of images: see `_batched`

convolve_p = Primitive("convolve")  # x [S, N, H, W, I], kernel [S, kh, kw, I, O] -> [S, N, H', W', O]
kernel_gradient_p = Primitive("convolve_kernel_gradient")  # x, dy [S, N, H', W', O] -> [S, kh, kw, I, O]


def convolve(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """S convolutions of x [S, N, H, W, I] with kernel [S, kh, kw, I, O], both of one dtype: [S, N, H', W', O]."""
    return convolve_p.bind(x, kernel, window=window)


def input_gradient(dy: jax.Array, kernel: jax.Array, window: Window, size: Pair) -> jax.Array:
    """dx[i] = sum_t kernel[t] dy[(i d + lo - t e) / s], for x of `size` H and W: again a convolution.

    Its kernel is flipped and has I and O exchanged; s and d are exchanged; the padding before is (k - 1) e - lo, and
    the padding after such that the output has the size n.
    """
    sides = []
    strides, dilation, spread, pads = window
    for n, m, k, s, d, e, (lo, _) in zip(size, dy.shape[2:4], kernel.shape[1:3], strides, dilation, spread, pads):
        before = (k - 1) * e - lo
        sides.append((before, (n - 1) * d + (k - 1) * e - (m - 1) * s - before))
    flipped = lax.rev(kernel, (1, 2)).swapaxes(3, 4)
    return convolve(dy, flipped, Window(dilation, strides, spread, (sides[0], sides[1])))


def kernel_gradient(x: jax.Array, dy: jax.Array, window: Window, size: Pair) -> jax.Array:
    """dk[t] = sum_o dy[o] z[o s + t e - lo], for a kernel of `size` kh and kw."""
    return kernel_gradient_p.bind(x, dy, window=window, size=size)


def _convolve_shape(x, kernel, *, window):
    (s, n, height, width, _), (_, kh, kw, _, o) = x.shape, kernel.shape
    rows, columns = sizes((height, width), (kh, kw), window)
    return ShapedArray((s, n, rows, columns, o), x.dtype)


def _kernel_gradient_shape(x, dy, *, window, size):
    return ShapedArray((x.shape[0], *size, x.shape[4], dy.shape[4]), x.dtype)


def _fold(array, dim, axis):
    """Merges the axis `dim` into `axis` (numbered without `dim`), as its leading part."""
    array = jnp.moveaxis(array, dim, axis)
    shape = array.shape
    return array.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def _unfold(array, count, axis):
    """Splits an axis of length `count` off the front of `axis`; returns the array and the new axis."""
    shape = array.shape
    return array.reshape(*shape[:axis], count, shape[axis] // max(count, 1), *shape[axis + 1 :]), axis


def _batched(operation, alone):
    """The rule for vmap of `operation`: over both arguments, more parallel convolutions; over one, a longer axis.

    alone: for vmap over the first and over the second argument alone, (the argument's axis that the mapped one is
    merged into, the output's axis to split). Many kernels on images with fewer than NARROW channels are parallel
    convolutions as well, because the transpose of so wide an output costs more.
    """

    def rule(arguments, dims, **params):
        arguments = list(arguments)
        mapped = [i for i in (0, 1) if dims[i] is not None]
        count = arguments[mapped[0]].shape[dims[mapped[0]]]
        if operation is convolve and mapped == [1] and arguments[0].shape[4] < NARROW:
            arguments[0] = jnp.broadcast_to(arguments[0], (count, *arguments[0].shape))
            dims, mapped = (0, dims[1]), [0, 1]
        grows, out = alone[mapped[0]] if len(mapped) == 1 else (0, 0)
        for i in mapped:
            arguments[i] = _fold(arguments[i], dims[i], grows)
        return _unfold(operation(*arguments, **params), count, out)

    return rule


convolve_p.def_abstract_eval(_convolve_shape)
kernel_gradient_p.def_abstract_eval(_kernel_gradient_shape)
for primitive, on_cpu, elsewhere in (
    (convolve_p, lowering.convolve_on_cpu, lowering.convolve_by_xla),
    (kernel_gradient_p, lowering.kernel_gradient_on_cpu, lowering.kernel_gradient_by_xla),
):
    mlir.register_lowering(primitive, mlir.lower_fun(elsewhere, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(on_cpu, multiple_results=False), platform="cpu")

    def _now(x, other, on_cpu=on_cpu, elsewhere=elsewhere, **params):  # outside of jit
        return lax.platform_dependent(x, other, cpu=partial(on_cpu, **params), default=partial(elsewhere, **params))

    primitive.def_impl(_now)

ad.defbilinear(
    convolve_p,
    lambda ct, x, kernel, window: input_gradient(ct, kernel, window, x.aval.shape[2:4]),
    lambda ct, x, kernel, window: kernel_gradient(x, ct, window, kernel.aval.shape[1:3]),
)
ad.defbilinear(
    kernel_gradient_p,
    lambda ct, x, dy, window, size: input_gradient(dy, ct, window, x.aval.shape[2:4]),
    lambda ct, x, dy, window, size: convolve(x, ct, window),
)
# Mapped images are more images; mapped kernels more output channels, whose images are read once; in the gradient of
# the kernel, mapped x are more input channels and mapped dy more output channels.
batching.primitive_batchers[convolve_p] = _batched(convolve, ((1, 1), (4, 4)))
batching.primitive_batchers[kernel_gradient_p] = _batched(kernel_gradient, ((4, 3), (4, 4)))
