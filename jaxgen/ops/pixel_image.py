"""An image as an array of independent colours that may have any value.

As in lucid (Olah et al. 2017, *Feature Visualization*, https://distill.pub/2017/feature-visualization): a logistic
function keeps pixels in [0, 1], and a matrix correlates three channels as those of photographs (of ImageNet) are, so
that a step changes brightness more than hue. One channel, or any other number, has no such matrix.

pixels    parameters [..., H, W, C]; lucid starts from noise of standard deviation 0.01, a grey image
image     [..., H, W, C] in [0, 1]
"""

import jax
import jax.numpy as jnp
import numpy as np

_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])  # of the colours' covariance
COLORS = _ROOT / np.linalg.norm(_ROOT, axis=0).max()  # independent components to red, green, blue
NEAREST = 5e-5  # to 0 and 1 that an image may come where it is turned into parameters, which are finite


def to_image(pixels: jax.Array) -> jax.Array:
    """The image [..., H, W, C] in [0, 1] that the parameters [..., H, W, C] stand for."""
    return jax.nn.sigmoid(_mixed(pixels, COLORS))


def from_image(image: jax.Array) -> jax.Array:
    """Parameters of an image [..., H, W, C] in [0, 1], whose `to_image` differs from it by at most 1e-4."""
    image = jnp.clip(image, NEAREST, 1.0 - NEAREST)
    return _mixed(jnp.log(image) - jnp.log1p(-image), np.linalg.inv(COLORS))


def _mixed(x, matrix):
    """The matrix [3, 3] times the channels of each pixel, where there are three of them."""
    if x.shape[-1] != 3:
        return x
    return jnp.einsum("...c,dc->...d", x, jnp.asarray(matrix, x.dtype), precision="highest")
