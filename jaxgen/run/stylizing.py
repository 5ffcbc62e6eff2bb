"""Painting with a trained run: an image, the images of a folder, the frames of an animation."""

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import built, knob
from jaxgen.core.types import Refused
from jaxgen.data.images.frames import Animation, animation
from jaxgen.data.images.photograph import EMBEDDED
from jaxgen.data.places import existing
from jaxgen.report.pictures import save_gif, save_png, to_bytes
from jaxgen.run.bar import bar
from jaxgen.run.crop_reader import CropFlags, Named, images_of
from jaxgen.run.experiment import Experiment
from jaxgen.run.fixed_networks import fixed, learnt_or_random
from jaxgen.run.load import load_run
from jaxgen.run.workdir import read_config

PAINTING = "painting"  # heading of --help
FOLDER = "stylized"  # in the run's directory
_paint = functools.partial(knob, free=True, group=PAINTING)


@dataclasses.dataclass(frozen=True)
class PaintFlags(CropFlags):
    """The flags of a run that paints, and of painting with it."""

    stylize_only: str = _paint("", "train nothing: paint an image, a folder's, or a GIF's frames with --workdir's run")
    mix: str = _paint("", "of --stylize_only, styles with weights: a:0.5,b:0.5; empty: each style in turn")
    strength: float = _paint(1.0, "of --model=adain: 0 none of the style, 1 all of it", lower=0.0, upper=1.0)
    slow: int = _paint(0, "updates of the slow method, experiments.style's, beside the report's paintings", lower=0)
    slow_content: float = _paint(1.0, "of --slow: times the content's weights; 0.1 is experiments.style's", above=0.0)


class Brush(NamedTuple):
    """A style, or a mixture, as a trained network takes it."""

    name: str
    x: Mapping[str, Any]  # what `stylize` takes beside the image


Paint = Callable[[np.ndarray, Brush], np.ndarray]  # [H, W, 3] uint8, brush -> [H, W, 3] in [0, 1]


def painting(technique: Any, state: Any) -> Paint:
    """The compiled function that paints; each size of images is compiled once."""
    key = jax.random.key(0)
    compiled = jax.jit(lambda state, x: technique.infer["stylize"](state, key, x))
    return lambda image, brush: np.asarray(compiled(state, {"image": jnp.asarray(image), **brush.x}))


def weights_of(mix: str, styles: Sequence[str]) -> Brush:
    """The weights [S] of "a:0.5,b:0.5". Raises Refused for others than the styles, or weights that are none."""
    weights = np.zeros(len(styles), np.float32)
    for part in filter(None, mix.split(",")):
        name, _, number = part.partition(":")
        if name not in styles:
            raise Refused(f"--mix={mix}: there is no style {name!r}; known: {', '.join(styles)}")
        try:
            weights[list(styles).index(name)] = float(number or 1.0)
        except ValueError:
            raise Refused(f"--mix={mix}: the weight of {name} is a number, not {number!r}") from None
    if not np.isfinite(weights).all() or weights.sum() <= 0:
        raise Refused(f"--mix={mix}: weights are finite, and their sum is above 0")
    return Brush(mix.replace(":", "-").replace(",", "+"), {"weights": jnp.asarray(weights / weights.sum())})


def brushes(styles: Sequence[str], mix: str) -> list[Brush]:
    """The mixture, or each style alone. Raises Refused, see `weights_of`."""
    if mix:
        return [weights_of(mix, styles)]
    one_hot = np.eye(len(styles), dtype=np.float32)
    return [Brush(name, {"weights": jnp.asarray(row)}) for name, row in zip(styles, one_hot)]


def brushes_of_images(images: Sequence[Named], strength: float, network: Any) -> list[Brush]:
    """Each image as a style of this strength, with the variables of the encoder."""
    share = jnp.asarray(strength, jnp.float32)
    make = lambda image: {"style": jnp.asarray(image), "strength": share, "network": network}
    return [Brush(each.name, make(each.image)) for each in images]


def stylize_only(flags: PaintFlags, modules: Mapping[str, ModuleType], classifier: Experiment):
    """With --stylize_only, the work that paints with the run in --workdir; None otherwise."""
    return functools.partial(stylize, flags, modules, classifier) if flags.stylize_only else None


def stylize(flags: PaintFlags, modules: Mapping[str, ModuleType], classifier: Experiment) -> None:
    """Paints --stylize_only with the run in --workdir, and writes a PNG beside the run for each image and style.

    Of a GIF, all frames become one GIF. Raises Refused where there is no run that paints, it is one of another network
    than --network, or an image cannot be read.
    """
    config = read_config(flags.workdir)
    stage, by_name = config["stages"][-1], {module.__name__: name for name, module in modules.items()}
    if stage["technique"] not in by_name:
        raise Refused(f"{flags.workdir} holds a run of {stage['technique']}, which paints no images in one pass")
    network = stage["config"]["network"][0]
    if flags.network not in ("auto", network, config["free"]["network"]):
        raise Refused(f"{flags.workdir} holds a run with {network}, not with --network={flags.network}")
    if by_name[stage["technique"]] == "adain":
        if flags.mix:
            raise Refused("--mix is of networks that learnt their styles; of adain give --style, and --strength")
        chosen = _of_any_style(flags, config, modules["adain"], classifier)
    elif flags.strength != 1.0:
        raise Refused("--strength is of --model=adain; of networks that learnt their styles give --mix")
    else:
        chosen = brushes(stage["config"]["styles"], flags.mix)
    run = load_run(flags.workdir)
    folder = Path(os.path.expanduser(flags.workdir)) / FOLDER
    sources = list(inputs(flags))
    paint_all(painting(run.technique, run.state), sources, chosen, folder)


def _of_any_style(flags, config, module, classifier):
    """The styles of --style, for the encoder of the run. Raises Refused where it is another network now."""
    free, fields = config["free"], config["stages"][-1]["config"]
    settings = built(module.Config, {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    names = {"network": free["network"], "weights": flags.weights or free["weights"]}
    flags = dataclasses.replace(flags, **names)
    frozen = fixed(learnt_or_random(flags), lambda network: module.needed(settings), classifier)
    if frozen.description != settings.network:
        raise Refused(f"the run in {flags.workdir} was trained with {settings.network}, not {frozen.description}")
    styles = images_of(flags.style, flags.data_dir, flags.style_height)
    if not styles:
        raise Refused("--style names no image; give one, or several separated by commas")
    return brushes_of_images(styles, flags.strength, jax.tree.map(jnp.asarray, frozen.variables))


def inputs(flags: PaintFlags) -> Iterator[tuple[str, Animation]]:
    """Name and frames of each image of --stylize_only. Raises Refused where there are none."""
    paths = [path for path in flags.stylize_only.split(",") if path]
    for path in paths:
        if path.lower().endswith(".gif") and path not in EMBEDDED:
            yield Path(path).stem, animation(existing(path, flags.data_dir))
        else:
            for each in images_of(path, flags.data_dir, flags.height):
                yield each.name, Animation([each.image], 0)


def paint_all(paint: Paint, sources: Sequence[tuple[str, Animation]], chosen: Sequence[Brush], folder: Path) -> None:
    """Paints each image in each style and writes NAME-STYLE.png, of several frames NAME-STYLE.gif."""
    total = len(chosen) * sum(len(each.frames) for _, each in sources)
    done, pixels, seconds, sizes = 0, 0, 0.0, set()
    with bar(total, "painted", unit="images") as advance:
        for (name, (frames, milliseconds)), brush in ((s, b) for s in sources for b in chosen):
            painted = []
            for frame in frames:
                if frame.shape not in sizes:  # compiled first, which is no part of the time
                    paint(frame, brush)
                    sizes.add(frame.shape)
                began = time.perf_counter()
                painted.append(to_bytes(paint(frame, brush)))
                seconds, pixels = seconds + time.perf_counter() - began, pixels + frame.shape[0] * frame.shape[1]
                done += 1
                advance(done, {})
            stem = folder / f"{name}-{brush.name}".replace(os.sep, "_")
            if len(painted) > 1:
                save_gif(path := stem.with_name(f"{stem.name}.gif"), painted, milliseconds)
            else:
                save_png(path := stem.with_name(f"{stem.name}.png"), painted[0])
            print(f"painted: {path}")
    print(f"{total} images, {1000 * seconds / total:.1f} ms each, {pixels / seconds / 1e6:.2f} megapixels a second")
