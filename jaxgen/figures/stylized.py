"""Pictures of style transfer: content, styles and result, and how the result and its losses came about."""

from collections.abc import Callable, Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State
from jaxgen.figures.dreams import FRAMES, WIDEST, enlarged, picture, settings
from jaxgen.ops.colours import with_luminance_of
from jaxgen.ops.imaging import to_unit
from jaxgen.report.items import Figure, Still
from jaxgen.report.pictures import moving, still, to_bytes
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.style_targets import Material, resize


def painted(material: Material, stage: Stage, state: State) -> np.ndarray:
    """The image [H, W, 3] of a State, in [0, 1], with the content's colours where only luminance changes."""
    image = picture(stage, state)
    if material.colours != "luminance":
        return image
    content = resize(material.content, *image.shape[:2])
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
        yield still(name, f"Style, weight {setting.config.shares[number - 1]:.3g}", resize(image, height, width), 1)
    frames = [frame for _, frame in sorted(result.history("step").items())]
    if len(frames) > 1:
        shrink = min(1.0, WIDEST / after.shape[1])
        size = (round(after.shape[1] * shrink), round(after.shape[0] * shrink))
        chosen = frames[:: -(-len(frames) // FRAMES)]
        every = [enlarged(frame, size) for frame in [*chosen, to_bytes(after)]]
        yield moving("progress", "From update to update, each enlarged to the last one's size", every, 200)
