"""Pictures of an autoencoder: reconstructions, filters of its first layer, codes that are points in a plane.

D    values of an image
Z    units of the code
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.latents import MOST, below_each, codes_of, grid, vmapped
from jaxgen.ops.imaging import to_unit
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still
from jaxgen.report.plots import scatter
from jaxgen.run.experiment import Result, Setting

SHOWN, COLUMNS = 40, 20  # test images
FILTERS = 100
SIDE = 15  # codes of the decoded plane, each way


def restored(technique: Technique, state: State, images: Dataset) -> tuple[np.ndarray, str]:
    """Test images, and a caption; below each its reconstruction.

    Where the technique corrupts, the corrupted image stands between them; where it has switches, the reconstruction
    without them stands below.
    """
    key, shown = jax.random.key(0), rows.read(images.test.image, slice(0, SHOWN))
    seen, text = [np.asarray(to_unit(jnp.asarray(shown)))], "Test images and, below each,"
    if "corrupt" in technique.infer:
        seen.append(np.asarray(vmapped(technique, "corrupt")(state, key, shown)))
        text += " the same corrupted, and"
    seen.append(np.asarray(vmapped(technique, "reconstruct")(state, key, seen[-1])))
    text += " its reconstruction"
    if "reconstruct_without_switches" in technique.infer:
        seen.append(np.asarray(vmapped(technique, "reconstruct_without_switches")(state, key, shown)))
        text += " and that without switches"
    return grid(below_each(COLUMNS, *seen), images.shape, min(COLUMNS, len(shown))), text


def filters(kernel: np.ndarray) -> np.ndarray:
    """The first FILTERS columns of a kernel [D, Z] as images [N, D], each on a scale of its own: 0 is grey."""
    kernel = kernel[:, :FILTERS].T
    return 0.5 + 0.5 * kernel / np.maximum(np.abs(kernel).max(1, keepdims=True), np.finfo(np.float32).tiny)


def plane(codes: np.ndarray) -> np.ndarray:
    """SIDE x SIDE points [N, 2], evenly spaced between the quantiles of 2 % and 98 % of codes [N, 2] on each axis.

    From left to right, and from the top, where the second coordinate is largest, down.
    """
    (left, bottom), (right, top) = np.quantile(codes, (0.02, 0.98), axis=0)
    x, y = np.meshgrid(np.linspace(left, right, SIDE), np.linspace(top, bottom, SIDE))
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)


def first_filters(state: State, shape: tuple[int, int, int]) -> Figure:
    """The filters of an encoder's first dense layer."""
    kernel = np.asarray(state.params["encoder_0"]["kernel"])
    return still(
        "filters", "Filters of the encoder, each on its own scale: grey is 0", grid(filters(kernel), shape, 20)
    )


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """Reconstructions; filters of an encoder of one layer; codes of the first MOST test images, of two dimensions."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    network = setting.config.network
    picture, caption = restored(technique, state, images)
    yield still("reconstructions", caption, picture)
    if "encoder_0" in state.params and "encoder_1" not in state.params:
        yield first_filters(state, images.shape)
    if network.latent == 2:
        codes = codes_of(technique, state, rows.read(images.test.image, slice(0, MOST)))
        caption = "Codes of test images"
        yield drawing("codes", caption, scatter, codes, images.test.label[:MOST], images.classes or ("",), caption)
        decoded = np.asarray(vmapped(technique, "decode")(state, jax.random.key(0), plane(codes)))
        caption = f"The plane of codes, decoded at {SIDE} x {SIDE} points among those of test images"
        yield still("plane", caption, grid(decoded, images.shape, SIDE))
