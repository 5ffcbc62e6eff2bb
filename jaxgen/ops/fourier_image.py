"""An image as the coefficients of its Fourier transform, each of them scaled as it is in photographs.

As in lucid (Olah et al. 2017, *Feature Visualization*, https://distill.pub/2017/feature-visualization): a coefficient
of frequency f, in cycles a pixel, counts 1 / max(f, 1 / max(H, W)), so that steps of an optimiser change coarse
structure more than fine. Colours and limits are those of `pixel_image`. Parameters are real, for optimisers of real
arrays: the last axis is the real and the imaginary part.

Here a spectrum of an odd width is exact: W // 2 + 1 columns. lucid's has one more, of an image one pixel wider that is
then cropped; for even widths both are equal.

spectrum    parameters [..., C, H, W // 2 + 1, 2]; lucid starts from noise of standard deviation 0.01
image       [..., H, W, C] in [0, 1]
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops import pixel_image

SCALE = 0.25  # of all coefficients, lucid's


def spectrum_shape(height: int, width: int, channels: int = 3) -> tuple[int, int, int, int]:
    """The shape [C, H, W // 2 + 1, 2] of the parameters of an image [H, W, C]."""
    return channels, height, width // 2 + 1, 2


def to_image(spectrum: jax.Array, width: int) -> jax.Array:
    """The image [..., H, W, C] in [0, 1] of a spectrum [..., C, H, W // 2 + 1, 2].

    Raises:
        ValueError: the spectrum is of another width.
    """
    *_, height, columns, parts = spectrum.shape
    if (columns, parts) != spectrum_shape(height, width)[2:]:
        raise ValueError(f"a spectrum of width {width} is [..., {width // 2 + 1}, 2], not {spectrum.shape}")
    scaled = spectrum * _scales(height, width, spectrum.ndim)
    values = jnp.fft.irfft2(jax.lax.complex(scaled[..., 0], scaled[..., 1]), (height, width), norm="ortho")
    return pixel_image.to_image(jnp.moveaxis(values, -3, -1))


def from_image(image: jax.Array) -> jax.Array:
    """The spectrum of an image [..., H, W, C] in [0, 1], whose `to_image` differs from it by at most 1e-4."""
    height, width = image.shape[-3:-1]
    values = jnp.moveaxis(pixel_image.from_image(image), -1, -3)
    coefficients = jnp.fft.rfft2(values, norm="ortho")
    return jnp.stack([coefficients.real, coefficients.imag], -1) / _scales(height, width, image.ndim + 1)


def _scales(height, width, axes):
    """What each coefficient counts, [1, ..., 1, H, W // 2 + 1, 1], a constant of the compiled program."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    scales = SCALE / np.maximum(frequency, 1.0 / max(height, width))
    return jnp.asarray(scales.reshape(*[1] * (axes - 3), *scales.shape, 1), jnp.float32)
