"""Pictures of style transfer: content, styles and result, and how the result and its losses came about."""

from collections.abc import Callable, Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State
from jaxgen.data.images.photograph import resized
from jaxgen.figures.dreams import picture, progress, settings
from jaxgen.ops.colours import with_luminance_of
from jaxgen.ops.imaging import to_unit
from jaxgen.report.items import Figure, Still
from jaxgen.report.pictures import still
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.style_targets import Material


def painted(material: Material, stage: Stage, state: State) -> np.ndarray:
    """The image [H, W, 3] of a State, in [0, 1], with the content's colours where only luminance changes."""
    image = picture(stage, state)
    if material.colours != "luminance":
        return image
    content = resized(material.content, *image.shape[:2])
    return np.clip(np.asarray(with_luminance_of(to_unit(jnp.asarray(content)), jnp.asarray(image))), 0.0, 1.0)


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still]]:
    """Keeps the image at each look."""
    material = setting.data.examples

    def at(stage: int, step: int, state: State) -> Iterator[Still]:
        yield Still("step", painted(material, stages[stage], state))

    return at


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """The result, what it was made of, and as it changed."""
    material = setting.data.examples
    after = painted(material, result.stage, result.state)
    yield still("stylized", f"After, by {material.fixed.origin}", after, 1, settings(setting))
    yield still("content", "Content", material.content, 1)
    for number, image in enumerate(material.styles, 1):
        height = min(image.shape[0], after.shape[0])
        width = max(1, round(image.shape[1] * height / image.shape[0]))
        name = f"style{number}" if len(material.styles) > 1 else "style"
        yield still(name, f"Style, weight {setting.config.shares[number - 1]:.3g}", resized(image, height, width), 1)
    yield from progress(result, "From update to update, each enlarged to the last one's size", [], after)
