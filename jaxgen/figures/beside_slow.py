"""What a network that paints in one pass reaches, and how fast, beside the method that optimises the pixels."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.nets.pretrained.terms import Term, names
from jaxgen.optim.lbfgs import lbfgs
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.pictures import still
from jaxgen.run.bar import bar
from jaxgen.run.crop_reader import Named, Photographs, statistics_of
from jaxgen.run.experiment import Setting
from jaxgen.run.stylizing import Brush, Paint
from jaxgen.techniques.imagery import painted_losses, style

REPEATS = 5  # paintings of an image, of whose times the median counts


class Painted(NamedTuple):
    """A painting, and what it took."""

    image: np.ndarray  # [H, W, 3] in [0, 1]
    seconds: float


def compared(setting: Setting, paint: Paint, shown: Sequence[Brush]) -> Iterator[Figure | Table]:
    """A table of all held-out photographs in all styles that are shown; with --slow, the slow method's pictures."""
    photographs: Photographs = setting.data.examples
    variables, steps = setting.data.train.shared["network"], setting.flags.slow
    terms = setting.module.terms_of(setting.config)
    styles, rows = photographs.styles[: len(shown)], []
    total = len(photographs.held_out) * len(styles)
    with bar(total, "compared", unit="images") as advance:
        for image, (look, brush) in ((image, pair) for image in photographs.held_out for pair in zip(styles, shown)):
            statistics = statistics_of(photographs.fixed.network, variables, [look.image], names(terms[1]))
            fast = _timed(paint, image.image, brush)
            losses = measures(setting, image.image, statistics, terms)
            slow = optimised(setting, image, statistics, terms, steps) if steps else None
            rows.append(_row(f"{image.name}, {look.name}", losses, image.image, fast, slow))
            if slow:
                yield still(f"slow-{image.name}-{look.name}", f"{image.name}, {steps} updates of L-BFGS", slow.image, 1)
            advance(len(rows), {})
    columns = ["photograph, style", "style share", "content", "ms", "megapixels a second"]
    columns += [f"after {steps} updates: style share", "content", "s", "times faster"] * bool(steps)
    notes = {
        "style share": "style loss (Gram matrices, with the layers' weights) of that of the photograph itself",
        "content": "weighted mean squared difference of features from the photograph's",
        "ms": f"of a painting, the median of {REPEATS}, compiled before",
        "updates": "of L-BFGS, each one evaluation of the same loss and its gradient, from the photograph on",
    }
    if setting.flags.slow_content != 1.0:
        notes["updates"] += f", its content weighing {setting.flags.slow_content:g} times as much"
    yield Table("Held-out photographs", columns, rows, notes=notes)


def measures(setting: Setting, photograph: np.ndarray, statistics: Any, terms: tuple[Any, Any]):
    """A function from an image [H, W, 3] in [0, 1] to (style loss over the photograph's own, content loss).

    Styles are compared by Gram matrices, whatever the network was trained on.
    """
    network, variables = setting.data.examples.fixed.network, setting.data.train.shared["network"]
    every = tuple(dict.fromkeys((*names(terms[0]), *names(terms[1]))))

    @jax.jit
    def both(variables, image, before):
        seen, kept = (network.apply(variables, each[None], every) for each in (image, before))
        contents = {name: kept[name] for name in names(terms[0])}
        _, losses = painted_losses.losses(seen, image[None], contents, statistics, terms, "gram", 0.0)
        before = painted_losses.style_loss(kept, statistics, terms[1], "gram")
        return losses["style"][0] / before[0], losses["content"][0]

    return lambda image: tuple(map(float, both(variables, jnp.asarray(image), jnp.asarray(photograph))))


def optimised(
    setting: Setting, image: Named, statistics: Any, terms: tuple[Sequence[Term], Sequence[Term]], steps: int
) -> Painted:
    """The photograph after so many updates of L-BFGS on the same losses; programs are compiled before the clock."""
    examples: Photographs = setting.data.examples
    network, variables = examples.fixed.network, setting.data.train.shared["network"]
    text = lambda chosen, times=1.0: ",".join(f"{term.layer}:{times * term.weight!r}" for term in chosen)
    config = style.Config(
        image.image.shape,
        setting.config.network,
        content_layers=text(terms[0], setting.flags.slow_content),
        style_layers=text(terms[1]),
        distance=setting.config.distance,
        variation=setting.config.variation,
    )
    technique = style.make(config, lbfgs)
    pixels = jnp.asarray(image.image)
    contents = names(terms[0])
    features = jax.jit(lambda v, x: network.apply(v, x[None], contents))(variables, pixels)
    batch = {"image": pixels[None], "network": variables, "style": statistics}
    batch["content"] = {name: each[0] for name, each in features.items()}
    update = jax.jit(lambda state, batch: technique.step(state, batch)[0], donate_argnums=0)
    begin = jax.jit(lambda x: style.begun(config, lbfgs, jax.random.key(0), x.astype(jnp.float32) / 255.0))
    jax.block_until_ready(update(begin(pixels), batch))
    state, began = begin(pixels), time.perf_counter()
    for _ in range(steps):
        state = update(state, batch)
    jax.block_until_ready(state)
    seconds = time.perf_counter() - began
    return Painted(np.clip(np.asarray(state.carry["shown"]), 0.0, 1.0), seconds)


def _timed(paint, image, brush):
    painted, seconds = paint(image, brush), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        painted = paint(image, brush)
        seconds.append(time.perf_counter() - began)
    return Painted(painted, float(np.median(seconds)))


def _row(name, losses, photograph, fast, slow):
    share, content = losses(fast.image)
    speed = photograph.shape[0] * photograph.shape[1] / fast.seconds / 1e6
    cells = [name, f"{share:.4f}", f"{content:.5g}", f"{1000 * fast.seconds:.1f}", f"{speed:.2f}"]
    if slow:
        share, content = losses(slow.image)
        cells += [f"{share:.4f}", f"{content:.5g}", f"{slow.seconds:.1f}", f"{slow.seconds / fast.seconds:.0f}"]
    return [Cell(text) for text in cells]
