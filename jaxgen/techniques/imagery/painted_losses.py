"""The losses of painted images, and of whole batches of them: what networks that paint in one pass are trained on.

The terms are those of `style`, from `style_losses`, each relative to that of features which are 0; here each image of a
batch has a style of its own. The batch of both techniques: `image` [B, H, W, 3] uint8, photographs' crops, and, shared
by all batches, the variables of the fixed `network` and `style`, layer -> Statistics [S, ...] of the style images.

B    images        S    styles
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.folds import averaged
from jaxgen.core.types import Batch, Fold, State
from jaxgen.nets.pretrained.network import Network
from jaxgen.nets.pretrained.terms import Term, names
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.variation import total_variation
from jaxgen.techniques.imagery import style_losses

Terms = tuple[Term, ...]
EACH = {
    "loss": "content + style + variation, with their weights",
    "content": "weighted squared differences of features from those that are to be kept, of the squares of these",
    "style": "weighted distances of statistics from the style's, of those of features that are 0",
    "variation": "weighted total variation, exponent 1.25, mean over values",
    "style_share": "style, of that of the photographs themselves",
}


def losses(
    features: Mapping[str, jax.Array],
    images: jax.Array,
    contents: Mapping[str, jax.Array],
    targets: Mapping[str, style_losses.Statistics],
    terms: tuple[Terms, Terms],
    distance: str,
    variation: float,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(The loss [B] of painted images, its metrics [B]: all terms as they enter it, each layer's without its weight).

    Args:
        features: layer -> [B, h, w, C] of the painted images.
        images: [B, H, W, 3] in [0, 1], painted.
        contents: layer -> [B, h, w, C], the features to keep.
        targets: layer -> Statistics [B, ...] of each image's style.
        terms: of the content, and of the style.
        distance: of statistics, one of DISTANCES.
        variation: weight of the total variation.
    """
    content_terms, style_terms = terms
    errors = style_losses.relative_content(style_losses.content_losses(features, contents), contents)
    apart = distances(features, targets, names(style_terms), distance)
    nothing = jnp.zeros(len(images), jnp.float32)
    parts = {
        "content": style_losses.weighted(content_terms, errors),
        "style": style_losses.weighted(style_terms, apart),
        "variation": variation * jax.vmap(total_variation)(images) / images[0].size,
    }
    by_layer = {f"content_{layer}": each for layer, each in errors.items()}
    by_layer |= {f"style_{layer}": each for layer, each in apart.items()}
    return sum(parts.values(), nothing), {**parts, **by_layer}


def distances(
    features: Mapping[str, jax.Array],
    targets: Mapping[str, style_losses.Statistics],
    layers: Sequence[str],
    distance: str,
) -> dict[str, jax.Array]:
    """Layer -> the distance [B] of features [B, h, w, C] from the targets, of that of features that are 0."""
    targets = {layer: targets[layer] for layer in layers}
    ours = style_losses.style_targets(features, layers)
    apart = style_losses.style_losses(ours, targets, style_losses.DISTANCES[distance])
    return style_losses.relative_style(apart, targets, distance)


def style_loss(
    features: Mapping[str, jax.Array], targets: Mapping[str, style_losses.Statistics], terms: Terms, distance: str
) -> jax.Array:
    """The style loss [B] of features, layer -> [B, h, w, C]."""
    return style_losses.weighted(terms, distances(features, targets, names(terms), distance))


def chosen(statistics: Mapping[str, style_losses.Statistics], number: jax.Array) -> Any:
    """Layer -> Statistics [B, ...] of the styles of those numbers [B], of [S, ...]."""
    return jax.tree.map(lambda leaf: leaf[number], dict(statistics))


def dealt(key: jax.Array, count: int, styles: int) -> jax.Array:
    """Numbers [count] int32 of styles for the images of a batch: all equally often, as far as that divides."""
    first = jax.random.randint(key, (), 0, styles, jnp.int32)
    return (first + jnp.arange(count, dtype=jnp.int32)) % styles


def metric_names(terms: tuple[Terms, Terms]) -> tuple[str, ...]:
    """Of an evaluation, the loss first."""
    layers = [f"{kind}_{name}" for kind, each in zip(("content", "style"), terms) for name in names(each)]
    return (*EACH, *layers)


def evaluation(
    measured: Callable[[State, jax.Array, Batch], dict[str, jax.Array]], terms: tuple[Terms, Terms], what: str
) -> Fold:
    """The Fold of means over photographs.

    Args:
        measured: State, key, batch -> metric [B] for each of `metric_names`.
        terms: of the content, and of the style.
        what: which styles.
    """
    every = metric_names(terms)
    about = {name: f"{EACH.get(name, 'of this layer, without its weight')}; {what}" for name in every}
    return averaged(lambda *args: tuple(measured(*args)[name] for name in every), about)


def example_batch(key: jax.Array, shape: tuple[int, ...], styles: int, network: Network, layers: tuple[str, ...]):
    """Two random photographs, and random styles, of a network with random weights."""
    image_key, style_key, network_key = jax.random.split(key, 3)
    pixels = jax.random.randint(image_key, (2, *shape), 0, 256, jnp.int32).astype(jnp.uint8)
    variables = network.init(network_key, layers)
    # Blocks of equal pixels have other statistics than noise.
    coarse = jax.random.uniform(style_key, (styles, -(-shape[0] // 4), -(-shape[1] // 4), 3), jnp.float32)
    images = coarse.repeat(4, 1).repeat(4, 2)[:, : shape[0], : shape[1]]
    features = network.apply(variables, to_unit(images), layers)
    return {"image": pixels, "network": variables, "style": style_losses.style_targets(features, layers)}
