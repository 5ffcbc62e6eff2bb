"""What style transfer minimises: the loss of an image, and each of its terms by name.

Gatys et al. 2016, https://doi.org/10.1109/CVPR.2016.265; the book is Chollet & Allaire, Deep Learning with R (Manning
2018), section 8.3.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.terms import names, terms
from jaxgen.ops.variation import total_variation
from jaxgen.techniques.imagery import style_losses
from jaxgen.techniques.imagery.feature_tiles import of_parts


def losses(config: Any, batch: Mapping[str, Any], image: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(The loss [], its metrics: all terms as they enter it, and each layer's content and style loss without weights).

    Args:
        config: the scale's, see `style.Config`.
        batch: its `network`, `content` (layer -> [h, w, C]), `style` (layer -> Statistics [S, ...]), and, where
            `masked`, `regions` (layer -> [S, h, w]).
        image: [H, W, 3] in [0, 1].
    """
    network = network_of(config.network)
    contents, styles = terms(config.content_layers, "content_layers"), terms(config.style_layers, "style_layers")
    wanted = tuple(dict.fromkeys((*names(contents), *names(styles))))
    options = {"mean": True} if config.pool == "mean" else {}
    activations = lambda images: network.apply(batch["network"], images, wanted, **options)
    errors, ours = of_parts(
        activations, image, batch["content"], names(styles), batch["regions"] if config.masked else None, config.tile
    )
    if not config.masked:
        ours = jax.tree.map(lambda leaf: leaf[None], ours)
    shares = jnp.asarray(config.shares, jnp.float32)
    apart = style_losses.style_losses(ours, batch["style"], style_losses.DISTANCES[config.distance])
    if config.normalisation == "relative":
        apart = style_losses.relative_style(apart, batch["style"], config.distance)
        errors = style_losses.relative_content(errors, batch["content"])
    distances = {layer: jnp.sum(shares * each) for layer, each in apart.items()}
    variation = total_variation(image) / image.size
    if config.normalisation == "book":
        errors, distances, variation = _of_the_book(config, activations, batch, errors, distances, variation)
    parts = {
        "content": style_losses.weighted(contents, errors),
        "style": style_losses.weighted(styles, distances),
        "variation": config.variation * variation,
    }
    by_layer = {**style_losses.named("content", errors), **style_losses.named("style", distances)}
    return sum(parts.values(), jnp.zeros((), jnp.float32)), {**parts, **by_layer}


def _of_the_book(config, activations, batch, errors, distances, variation):
    """The losses as Chollet & Allaire have them: of sums, of pixels from 0 to 255."""
    height, width, _ = config.shape
    shapes = jax.eval_shape(activations, jax.ShapeDtypeStruct((1, *config.shape), jnp.float32))
    factor = lambda s: style_losses.of_the_book(s[3], s[1] * s[2], height * width)
    return (
        {layer: error * batch["content"][layer].size for layer, error in errors.items()},
        {layer: distance * factor(shapes[layer].shape) for layer, distance in distances.items()},
        variation * 255.0**2.5 * height * width * 3,
    )


def metric_names(config: Any) -> tuple[str, ...]:
    """Of the metrics of `losses`, the whole loss first."""
    layers = [
        f"{kind}_{name}"
        for kind, text in (("content", config.content_layers), ("style", config.style_layers))
        for name in names(terms(text, f"{kind}_layers"))
    ]
    return ("loss", "content", "style", "variation", *layers)


def definitions(config: Any) -> dict[str, str]:
    """Metric -> what it is."""
    how = f"{config.distance}, {config.normalisation}"
    whole = {
        "loss": "content + style + variation of the image that is shown",
        "content": "weighted squared differences of the features from the content image's",
        "style": f"weighted distances of the statistics from the styles' ({how})",
        "variation": "weighted total variation, exponent 1.25",
    }
    return {name: whole.get(name, f"of this layer, without its weight ({how})") for name in metric_names(config)}
