"""What networks expect of pixels: images [..., H, W, 3], RGB in [0, 1], to the numbers of their training."""

import jax
import jax.numpy as jnp

BLUE_GREEN_RED = (103.939, 116.779, 123.68)  # means over ImageNet, of 0..255
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # over ImageNet, of RGB in [0, 1]


def centred(images: jax.Array) -> jax.Array:
    """BGR in 0..255 minus the mean: Caffe's, of the weights of VGG and SqueezeNet in Keras's files."""
    return 255.0 * images[..., ::-1] - _colour(BLUE_GREEN_RED, images)


def standardised(images: jax.Array) -> jax.Array:
    """RGB minus the mean, divided by the standard deviation: torchvision's."""
    return (images - _colour(MEANS, images)) / _colour(DEVIATIONS, images)


def symmetric(images: jax.Array) -> jax.Array:
    """RGB in [-1, 1]: InceptionV3's, in either origin."""
    return 2.0 * images - 1.0


def _colour(values, images):
    return jnp.asarray(values, images.dtype).reshape((1,) * (images.ndim - 1) + (3,))
