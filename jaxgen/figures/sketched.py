"""Pictures of drawings: samples, reconstructions, paths between codes, completions, and the pen at work.

N    drawings
L    points of the longest one
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State, Technique
from jaxgen.data.strokes.shaping import to_strokes
from jaxgen.figures.context_free import compared
from jaxgen.figures.latents import grid, interpolations, vmapped
from jaxgen.report.items import Figure, Still, Table
from jaxgen.report.pictures import moving, still
from jaxgen.run.experiment import Result, Setting

SIDE = 72  # pixels of a drawing's square
COLUMNS = 12
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
COLD, WARM = 0.2, 0.8  # of reconstructions; codes between and beside those of drawings are drawn at half of COLD
FRAMES = 60  # of the animation, at most


def picture(strokes: np.ndarray, length: int, side: int = SIDE, box: np.ndarray | None = None) -> np.ndarray:
    """A drawing [L, 3] of `length` points as black lines on white, [side, side] in [0, 1], filling the square.

    `box` [2, 2] has the least and the largest x and y that fill it; by default the drawing's own.
    """
    from PIL import Image, ImageDraw

    fine = 3 * side  # drawn larger, then reduced: lines have soft edges
    image = Image.new("L", (fine, fine), 255)
    parts = to_strokes(strokes[:length])
    if parts:
        every = np.concatenate(parts)
        low, high = (every.min(0), every.max(0)) if box is None else box
        scale = 0.86 * fine / max(float((high - low).max()), 1e-6)
        middle, pen = (low + high) / 2, ImageDraw.Draw(image)
        for part in parts:
            places = (part - middle) * scale + fine / 2
            # A point alone is a dot: a line of no length would not be drawn.
            places = np.concatenate([places, places + 1]) if len(places) == 1 else places
            pen.line([tuple(place) for place in places], fill=0, width=5, joint="curve")
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255


def pictures(drawings: dict[str, np.ndarray]) -> np.ndarray:
    """Drawings {"strokes": [N, L, 3], "length": [N]} as flat images [N, SIDE * SIDE]."""
    pairs = zip(np.asarray(drawings["strokes"]), np.asarray(drawings["length"]))
    return np.stack([picture(strokes, int(length)).reshape(-1) for strokes, length in pairs])


def sheet(rows: Sequence[dict[str, np.ndarray]], columns: int = COLUMNS) -> np.ndarray:
    """Drawings in rows of `columns`, one set after the other, as one image."""
    return grid(np.concatenate([pictures(row) for row in rows]), (SIDE, SIDE, 1), columns)


def vector(drawings: dict[str, np.ndarray], columns: int = COLUMNS) -> bytes:
    """The SVG file of drawings, side by side."""
    rows, count = [], len(drawings["length"])
    for n, (strokes, length) in enumerate(zip(np.asarray(drawings["strokes"]), np.asarray(drawings["length"]))):
        parts = to_strokes(strokes[: int(length)])
        if not parts:
            continue
        every = np.concatenate(parts)
        low, high = every.min(0), every.max(0)
        scale, corner = 86 / max(float((high - low).max()), 1e-6), np.array([n % columns, n // columns]) * 100 + 50
        for part in parts:
            places = (part - (low + high) / 2) * scale + corner
            rows.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
    size = f'viewBox="0 0 {100 * min(columns, count)} {100 * -(-count // columns)}"'
    style = 'fill="none" stroke="black" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><g {style}>{"".join(rows)}</g></svg>\n'.encode()


def samples(technique: Technique, state: State, count: int, temperature: float, seed: int = 0) -> dict[str, Any]:
    """Drawings from the prior; all temperatures have the same codes and draws."""
    code_key, draw_key = jax.random.split(jax.random.key(seed))
    size = technique.inputs(code_key)["decode"]["code"].shape[0]
    codes = jax.random.normal(code_key, (count, size), jnp.float32)
    return decoded(technique, state, codes, temperature, draw_key)


def decoded(technique: Technique, state: State, codes: Any, temperature: float, key: jax.Array) -> dict[str, Any]:
    """Drawings of codes [N, Z]."""
    given = {"code": jnp.asarray(codes), "temperature": jnp.full(len(codes), temperature, jnp.float32)}
    return jax.tree.map(np.asarray, vmapped(technique, "decode")(state, key, given))


def forming(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still]]:
    """What a run keeps while it trains: drawings from the prior."""

    def look(stage, step, state):
        del step
        drawn = samples(stages[stage].technique, state, 4 * COLUMNS, setting.flags.temperature)
        yield Still("samples", sheet([drawn]))

    return look


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """What the network draws, and its nats per point beside those without context."""
    technique, state, every = result.stage.technique, result.state, setting.data.examples
    ours = {name.removeprefix("test_"): metric.value for name, metric in result.measured.items()}
    yield compared(every.train, every.test, setting.config.mixtures, ours)
    key, test = jax.random.key(0), every.test
    rows = [samples(technique, state, COLUMNS, each) for each in TEMPERATURES]
    listed = ", ".join(f"{each:g}" for each in TEMPERATURES)
    yield still("samples", f"Drawings from the prior; from above at temperatures {listed}", sheet(rows), 1)
    yield Figure("samples", "", lambda: vector(rows[1]), ".svg")
    chosen = np.linspace(0, len(test.length) - 1, COLUMNS).astype(int)  # of all classes, which stand in order
    shown = {"strokes": test.strokes[chosen], "length": test.length[chosen]}
    warm = lambda temperature: jnp.full(COLUMNS, temperature, jnp.float32)
    if "reconstruct" in technique.infer:
        again = vmapped(technique, "reconstruct")
        rows = [again(state, key, {"drawing": shown, "temperature": warm(each)}) for each in (COLD, WARM)]
        caption = f"Test drawings; below them reconstructions at temperatures {COLD:g} and {WARM:g}"
        yield still("reconstructions", caption, sheet([shown, *rows]), 1)
        codes = np.asarray(vmapped(technique, "encode")(state, key, shown))
        paths = np.asarray(interpolations(codes, 3, COLUMNS))[:, 1].reshape(-1, codes.shape[1])
        drawn = decoded(technique, state, paths, COLD / 2, key)
        yield still("interpolations", "From one test drawing's code to another's, along the sphere", sheet([drawn]), 1)
        yield analogies(technique, state, test)
    half = {**shown, "length": np.maximum(1, shown["length"] // 2)}
    own = setting.flags.temperature
    rows = [
        vmapped(technique, "complete")(state, jax.random.key(n), {"drawing": half, "temperature": warm(own)})
        for n in range(3)
    ]
    yield still("completions", "The first halves of test drawings, and three ways to go on", sheet([half, *rows]), 1)
    yield from pen_at_work(samples(technique, state, COLUMNS, own))


def analogies(technique: Technique, state: State, split: Any) -> Figure:
    """What is to C as B is to A: the drawing of the code c + b - a, of posterior means."""
    rows = np.linspace(0, len(split.length) - 1, 3 * COLUMNS).astype(int).reshape(3, COLUMNS)
    three = [{"strokes": split.strokes[each], "length": split.length[each]} for each in rows]
    a, b, c = (vmapped(technique, "encode")(state, jax.random.key(0), each) for each in three)
    drawn = decoded(technique, state, c + b - a, COLD / 2, jax.random.key(1))
    caption = "Test drawings A, B and C, and below them what is to C as B is to A: the code c + b - a"
    return still("analogies", caption, sheet([*three, drawn]), 1)


def pen_at_work(drawings: dict[str, np.ndarray]) -> Iterator[Figure]:
    """Drawings while they are drawn, as an animation."""
    longest = int(np.max(drawings["length"]))
    strokes, frames = np.asarray(drawings["strokes"]), []
    points = np.cumsum(strokes[..., :2].astype(np.float64), 1)
    inside = [points[n, : max(1, int(length))] for n, length in enumerate(drawings["length"])]
    boxes = [np.stack([each.min(0), each.max(0)]) for each in inside]
    for count in np.unique(np.linspace(1, max(1, longest), min(FRAMES, max(1, longest))).astype(int)):
        now = [
            picture(each, min(int(count), int(length)), box=box).reshape(-1)
            for each, length, box in zip(strokes, drawings["length"], boxes)
        ]
        frames.append(grid(np.stack(now), (SIDE, SIDE, 1), COLUMNS))
    yield moving("pen", "Drawings from the prior while they are drawn", frames, 60)
