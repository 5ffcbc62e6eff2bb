"""What a scale of style transfer reads of its images: features of the content, statistics of the styles, regions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data.images.photograph import resized
from jaxgen.nets.pretrained.terms import names, terms
from jaxgen.ops.colours import luminance, matched, with_histograms_of
from jaxgen.ops.imaging import to_unit
from jaxgen.run.fixed_networks import Fixed
from jaxgen.techniques.imagery import style_losses

SMALLEST = 32  # pixels a side of a style image
MOST = 4  # times the result's pixels


class Material(NamedTuple):
    """The images of a run, of which the data of each scale are made, and what figures need."""

    content: np.ndarray  # [H, W, 3] uint8, as large as the result
    styles: tuple[np.ndarray, ...]  # uint8, in their own sizes
    masks: tuple[np.ndarray, ...]  # [H', W'] float32 in [0, 1], one for each style, or none
    start: np.ndarray | None  # another image, to start from
    fixed: Fixed
    colours: str
    style_scale: float


def layers(config: Any) -> tuple[str, ...]:
    """The activations that a Config needs. Raises Refused for layers that are none."""
    texts = (config.content_layers, "content_layers"), (config.style_layers, "style_layers")
    return tuple(dict.fromkeys(name for text, flag in texts for name in names(terms(text, flag))))


def targets(material: Material, config: Any, shape: Sequence[int]) -> dict[str, Any]:
    """What all batches of a scale share: `network`, `content`, `style`, and `regions` where there are masks.

    Args:
        material: the run's images.
        config: of the technique, with its layers.
        shape: [H, W, 3] of the scale.

    Raises Refused where images are too small for the layers.
    """
    network, variables = material.fixed.network, jax.tree.map(jnp.asarray, material.fixed.variables)
    contents = names(terms(config.content_layers, "content_layers"))
    styles = names(terms(config.style_layers, "style_layers"))
    options = {"mean": True} if config.pool == "mean" else {}
    content = coloured(material, resized(material.content, *shape[:2]))
    of_content = jax.jit(lambda v, x: {n: a[0] for n, a in network.apply(v, x[None], contents, **options).items()})
    of_style = jax.jit(
        lambda v, x: style_losses.style_targets(
            {n: a[0] for n, a in network.apply(v, x[None], styles, **options).items()}, styles
        )
    )
    every = [of_style(variables, image) for image in _styles(material, shape)]
    shared = {"network": variables, "content": of_content(variables, content)}
    shared["style"] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *every)
    if material.masks:
        like = jax.eval_shape(lambda v, x: network.apply(v, x[None], styles), variables, content)
        shared["regions"] = {name: _regions(material.masks, like[name].shape[1:3]) for name in styles}
    return shared


def _regions(masks, size):
    """The masks [S, h, w] in the size of a layer."""
    small = [jax.image.resize(jnp.asarray(mask), size, "linear", antialias=True) for mask in masks]
    return jnp.clip(jnp.stack(small), 0.0, 1.0)


def _styles(material, shape):
    """The styles [h, w, 3] in [0, 1] for a scale, in the colours that they are to give."""
    for image in material.styles:
        height, width = style_size(image.shape, shape, material.style_scale)
        style = to_unit(jnp.asarray(resized(image, height, width)))
        content = to_unit(jnp.asarray(material.content))
        if material.colours == "matched":
            style = jnp.clip(matched(style, content), 0.0, 1.0)
        if material.colours == "histogram":
            style = with_histograms_of(style, content)
        if material.colours == "luminance":
            own, other = luminance(style), luminance(content)
            spread = other.std() / jnp.maximum(own.std(), 1e-3)
            style = jnp.repeat(jnp.clip((own - own.mean()) * spread + other.mean(), 0.0, 1.0), 3, -1)
        yield style


def style_size(own: Sequence[int], shape: Sequence[int], scale: float) -> tuple[int, int]:
    """Height and width of a style image of `own` height and width, beside a result of `shape`.

    As high as the result, times the scale, but of at most MOST times the pixels of that: of a long strip less high. At
    least SMALLEST pixels a side.
    """
    height = shape[0] * scale
    width = height * own[1] / own[0]
    shrink = min(1.0, (MOST * scale**2 * shape[0] * shape[1] / (height * width)) ** 0.5)
    return max(SMALLEST, round(shrink * height)), max(SMALLEST, round(shrink * width))


def coloured(material: Material, image: np.ndarray) -> jax.Array:
    """The content [h, w, 3] in [0, 1] as the network sees it: grey where luminance alone is to change."""
    unit = to_unit(jnp.asarray(image))
    return jnp.repeat(luminance(unit), 3, -1) if material.colours == "luminance" else unit
