"""Pictures of networks that paint: photographs before and after, and what lies between styles."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State
from jaxgen.figures.beside_slow import compared
from jaxgen.ops.imaging import tile
from jaxgen.report.items import Figure, Still, Table
from jaxgen.report.pictures import still, to_bytes
from jaxgen.run.crop_reader import Photographs
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.stylizing import Brush, Paint, brushes, brushes_of_images, painting
from jaxgen.techniques.imagery import adain

STEPS = 5  # pictures from one style to another
WIDEST = 4  # styles that are shown of many


def styles_of(setting: Setting) -> list[Brush]:
    """The styles that are shown: those that were learnt, or, of any, the images they were taken from."""
    photographs: Photographs = setting.data.examples
    if setting.module is adain:
        every = brushes_of_images(photographs.styles, setting.flags.strength, setting.data.train.shared["network"])
    else:
        every = brushes(setting.config.styles, "")
    return every[:WIDEST]


def between(setting: Setting, shown: Sequence[Brush]) -> tuple[str, list[Brush]]:
    """What is changed, and STEPS brushes: from the first style to the second, or of ever more strength; [] of one."""
    shares = np.linspace(0.0, 1.0, STEPS)
    if setting.module is adain:
        strength = lambda share: {**shown[0].x, "strength": jnp.asarray(share, jnp.float32)}
        return f"strength 0 to 1 of {shown[0].name}", [Brush(f"{share:g}", strength(share)) for share in shares]
    if len(shown) < 2:
        return "", []
    one, other = (each.x["weights"] for each in shown[:2])
    mixed = [Brush(f"{s:g}", {"weights": one * np.float32(1 - s) + other * np.float32(s)}) for s in shares]
    return f"{shown[0].name} to {shown[1].name}", mixed


def row(paint: Paint, image: np.ndarray, chosen: Sequence[Brush], before: bool = True) -> Any:
    """The image, if `before`, and as it is painted by each brush, side by side."""
    pictures = [to_bytes(paint(image, brush)) for brush in chosen]
    every = np.stack([image, *pictures] if before else pictures)
    return tile(every, len(every), 4, 1.0)


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still]]:
    """Keeps the first held-out photograph, painted in each style, at each look."""
    shown, photographs = styles_of(setting), setting.data.examples
    paint = [lambda state, each=each: painting(each.technique, state) for each in stages]

    def at(stage: int, step: int, state: State) -> Iterator[Still]:
        yield Still("painted", row(paint[stage](state), photographs.held_out[0].image, shown))

    return at


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Each held-out photograph painted in each style, from style to style, the styles, and the slow method's work."""
    photographs: Photographs = setting.data.examples
    paint, shown = painting(result.stage.technique, result.state), styles_of(setting)
    names = ", ".join(brush.name for brush in shown)
    for each in photographs.held_out:
        picture = row(paint, each.image, shown)
        yield still(f"painted-{each.name}", f"{each.name}, held out, and painted: {names}", picture, 1)
    what, mixed = between(setting, shown)
    if mixed:
        picture = row(paint, photographs.held_out[0].image, mixed, before=False)
        yield still("between", f"{photographs.held_out[0].name}: {what}", picture, 1)
    for each in photographs.styles[:WIDEST]:
        yield still(f"style-{each.name}", f"The style {each.name}", each.image, 1)
    yield from compared(setting, paint, shown)
