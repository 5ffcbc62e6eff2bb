"""Spectra against sums of waves, and both kinds of parameters there and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import fourier_image, pixel_image

there = jax.jit(fourier_image.to_image, static_argnums=1)
back = jax.jit(fourier_image.from_image)
MATRIX = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


def waves(spectrum, height, width):
    """The sum over all frequencies of one channel [H, W // 2 + 1, 2], by the definition, with lucid's scales."""
    rows, columns = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for k in range(height):
        for m in range(width // 2 + 1):
            cycles = np.hypot(min(k, height - k) / height, m / width)
            wave = np.exp(2j * np.pi * (k * rows / height + m * columns / width))
            twice = 1 if m == 0 or 2 * m == width else 2  # its conjugate, of frequency -m, is not in the spectrum
            total += twice * ((spectrum[k, m] @ [1, 1j]) * wave).real / max(cycles, 1 / max(height, width))
    return total / 4 / np.sqrt(height * width)


@pytest.mark.parametrize(
    ("height", "width"), [(5, 7), *(pytest.param(*c, marks=pytest.mark.ci) for c in [(4, 6), (6, 5), (1, 3)])]
)
def test_an_image_is_a_sum_of_waves(height, width):
    spectrum = np.random.default_rng(0).standard_normal(fourier_image.spectrum_shape(height, width)).astype(np.float32)
    channels = np.stack([waves(each, height, width) for each in spectrum], -1)
    colors = channels @ (MATRIX / np.sqrt((MATRIX**2).sum(0)).max()).T
    found = there(spectrum, width)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-colors)), atol=2e-6)


@pytest.mark.parametrize(
    "shape",
    [(9, 7, 3), *(pytest.param(shape, marks=pytest.mark.ci) for shape in [(8, 6, 1), (2, 5, 4, 3), (64, 63, 3)])],
)
def test_images_come_back(shape):
    """Photographs have pixels of 0 and 1, which no finite parameter stands for."""
    image = np.random.default_rng(0).random(shape, np.float32)
    image[..., 0, :2, :], image[..., 1, 0, :] = 0.0, 1.0
    spectrum = back(image)
    assert spectrum.shape[-4:] == fourier_image.spectrum_shape(*shape[-3:])
    np.testing.assert_allclose(there(spectrum, shape[-2]), image, atol=1e-4)
    pixels = jax.jit(pixel_image.from_image)(image)
    np.testing.assert_allclose(jax.jit(pixel_image.to_image)(pixels), image, atol=1e-4)


def test_grey_has_no_colours_to_mix():
    pixels = np.random.default_rng(0).standard_normal((4, 5, 1)).astype(np.float32)
    np.testing.assert_allclose(jax.jit(pixel_image.to_image)(pixels), 1 / (1 + np.exp(-pixels)), atol=1e-6)


@pytest.mark.ci
def test_gradients_are_real_and_finite():
    spectrum = 0.01 * jax.random.normal(jax.random.key(0), fourier_image.spectrum_shape(6, 7))
    loss = jax.jit(jax.value_and_grad(lambda s: jnp.square(fourier_image.to_image(s, 7) - 0.8).mean()))
    _, gradient = loss(spectrum)
    assert gradient.dtype == jnp.float32
    direction = 0.01 * np.random.default_rng(0).standard_normal(gradient.shape).astype(np.float32)
    (more, _), (less, _) = loss(spectrum + direction), loss(spectrum - direction)
    np.testing.assert_allclose((more - less) / 2, np.vdot(gradient, direction), rtol=1e-2)


def test_a_spectrum_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"a spectrum of width 8 is \[..., 5, 2\], not \(3, 4, 4, 2\)"):
        fourier_image.to_image(jnp.zeros(fourier_image.spectrum_shape(4, 7)), 8)
