"""Random views of an image, differentiable, so that what is optimised holds for all of them and not for one.

Each factory returns a pure function (key, image [H, W, C] in [0, 1]) -> image; sizes are static, so that one compiled
program serves all draws. `compose` makes one of several; callers vmap over keys, or use `views`. Ranges and their order
in `standard` are those of lucid (Olah et al. 2017, *Feature Visualization*,
https://distill.pub/2017/feature-visualization). Two differences: lucid's scale changes the size of the image, here the
size stays and the image is cut or surrounded by grey; and lucid draws from lists, whose angles favour 0.

Reflection instead of grey beyond the border: `compose(reflect(n), affine(...), crop(n))`.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgen.ops.augment import Motion
from jaxgen.ops.augment import affine as moved

Transformation = Callable[[jax.Array, jax.Array], jax.Array]  # key, image [H, W, C] -> image [H', W', C]

GREY = 0.5


def standard() -> Transformation:
    """lucid's: an image [H, W, C] to [H + 12, W + 12, C]."""
    return compose(pad(12), jitter(8), affine((0.9, 1.1), 10.0), jitter(4))


def compose(*transformations: Transformation) -> Transformation:
    """All of them in order, each with a key of its own; without any, the image itself."""

    def composed(key, image):
        for n, transformation in enumerate(transformations):
            image = transformation(jax.random.fold_in(key, n), image)
        return image

    return composed


def views(key: jax.Array, image: jax.Array, count: int, transformation: Transformation) -> jax.Array:
    """Independent views [count, H', W', C] of one image [H, W, C]."""
    return jax.vmap(transformation, (0, None))(jax.random.split(key, count), image)


def pad(pixels: int, value: float = GREY) -> Transformation:
    """`pixels` of one value around the image, [H + 2 pixels, W + 2 pixels, C]."""
    return lambda key, image: jnp.pad(image, _around(pixels), constant_values=value)


def reflect(pixels: int) -> Transformation:
    """As `pad`, of the image reflected at its outermost pixels, which are not repeated."""
    return lambda key, image: jnp.pad(image, _around(pixels), mode="reflect")


def crop(pixels: int) -> Transformation:
    """The image without `pixels` at each border, [H - 2 pixels, W - 2 pixels, C]."""
    return lambda key, image: image[pixels : image.shape[0] - pixels, pixels : image.shape[1] - pixels]


def jitter(pixels: int) -> Transformation:
    """A random part of the image, [H - pixels, W - pixels, C]: a shift by up to half of `pixels` each way.

    Raises (when applied):
        ValueError: nothing of the image would be left.
    """

    def transformation(key, image):
        height, width, channels = image.shape
        if not 0 <= pixels < min(height, width):
            raise ValueError(f"expected a jitter of 0 to {min(height, width) - 1} pixels, found {pixels}")
        row, column = jax.random.randint(key, (2,), 0, pixels + 1, jnp.int32)
        size = (height - pixels, width - pixels, channels)
        return jax.lax.dynamic_slice(image, (row, column, jnp.zeros((), jnp.int32)), size)

    return transformation


def roll(pixels: int) -> Transformation:
    """The image shifted by up to `pixels` each way; what leaves at one border enters at the opposite one."""

    def transformation(key, image):
        down, right = jax.random.randint(key, (2,), -pixels, pixels + 1, jnp.int32)
        return jnp.roll(image, (down, right), (0, 1))

    return transformation


def scale(low: float, high: float, value: float = GREY) -> Transformation:
    """The image enlarged about its centre by a factor from `low` to `high`, uniform; its size stays. See `affine`."""
    return affine(zoom=(low, high), value=value)


def rotate(degrees: float, value: float = GREY) -> Transformation:
    """The image rotated about its centre by up to `degrees` each way, uniform; its size stays. See `affine`."""
    return affine(degrees=degrees, value=value)


def affine(zoom: tuple[float, float] = (1.0, 1.0), degrees: float = 0.0, value: float = GREY) -> Transformation:
    """The image enlarged and rotated about its centre, in one bilinear interpolation; beyond its border is `value`.

    Args:
        zoom: smallest and largest factor; larger than 1 enlarges. Uniform.
        degrees: largest angle each way. Uniform.
        value: of what was outside the image.

    Raises:
        ValueError: a factor is not positive, or a range is empty.
    """
    low, high = zoom
    if not 0 < low <= high < math.inf or degrees < 0:
        raise ValueError(f"expected 0 < low <= high and degrees >= 0, found {zoom} and {degrees}")

    def transformation(key, image):
        zoom_key, angle_key = jax.random.split(key)
        factor = (
            jax.random.uniform(zoom_key, (1,), jnp.float32, low, high) if low < high else jnp.full(1, low, jnp.float32)
        )
        angle = jax.random.uniform(angle_key, (1,), jnp.float32, -degrees, degrees) if degrees else None
        flat = (image - value).reshape(1, -1)  # `moved` has 0 outside
        return moved(flat, image.shape, Motion(rotate=angle, zoom=factor)).reshape(image.shape) + value

    return transformation


def _around(pixels):
    return ((pixels, pixels), (pixels, pixels), (0, 0))
