"""The pictures of a latent space, whatever the data: few images, thin codes, classes without examples."""

import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.core.types import Source, Stage, Technique
from jaxgen.data.examples import Examples, dataset
from jaxgen.figures import latents
from jaxgen.report.pictures import save_png
from jaxgen.run import watched
from jaxgen.run.experiment import Data, Result, Setting

SHAPE = (3, 4, 1)


def negative(x):
    return 1.0 - (x / 255.0 if x.dtype == jnp.uint8 else x)


@functools.cache  # jit knows a function by its identity
def technique(latent):
    """Encodes to the first pixels, decodes to a flat grey, "reconstructs" the negative."""
    size = SHAPE[0] * SHAPE[1]
    infer = {
        "sample": lambda state, key, x: jax.random.uniform(key, (size,)),
        "encode": lambda state, key, x: negative(x)[:latent],
        "decode": lambda state, key, z: jnp.full((size,), jax.nn.sigmoid(z.sum())),
        "reconstruct": lambda state, key, x: negative(x),
    }
    return Technique(None, None, None, infer, None, None)


def images(count, label=None, classes=("a", "b", "c"), dtype=np.uint8):
    pixels = np.random.default_rng(count).integers(0, 256, (count, SHAPE[0] * SHAPE[1]), np.uint8)
    pixels = pixels if dtype == np.uint8 else (pixels / 255.0).astype(dtype)
    part = Examples(pixels, np.arange(count) % 3 if label is None else np.asarray(label))
    return dataset("set", SHAPE, classes, part, part, part)


def figures(latent, examples):
    """name -> Figure."""
    setting = Setting(None, None, None, Data({}, None, None, None, 1, "", examples), None)
    stage = Stage(technique(latent), Source((), None), 0)
    shown = latents.show(setting, Result(stage, None, 0, 0.0, {}, None, lambda name: {}))
    return {figure.name: figure for figure in shown}


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.render())))


def cells(picture, columns):
    """The images [rows, columns, H, W] of a grid that was enlarged."""
    height, width = SHAPE[0] + 1, SHAPE[1] + 1
    scale = (picture.shape[1] + 1) // (columns * width - 1)
    small = np.pad(picture[::scale, ::scale], ((0, 1), (0, 1)))
    assert np.array_equal(small[:-1, :-1].repeat(scale, 0).repeat(scale, 1), picture)
    return small.reshape(-1, height, columns, width).transpose(0, 2, 1, 3)[:, :, :-1, :-1]


@pytest.mark.parametrize(("count", "dtype"), [(3, np.uint8), (21, np.float32), (57, np.uint8)])
def test_each_reconstruction_stands_below_its_original(count, dtype):
    examples = images(count, dtype=dtype)
    picture = pixels(figures(2, examples)["reconstructions"])
    image = examples.test.image
    bright = image if dtype == np.uint8 else np.rint(255 * image).astype(np.uint8)
    columns, shown = min(count, 20), min(count, 40)
    shown_cells = cells(picture, columns)
    assert shown_cells.shape[0] == 2 * -(-shown // columns)
    for number in range(shown):
        row, column = 2 * (number // columns), number % columns
        assert np.array_equal(shown_cells[row, column].ravel(), bright[number])
        assert np.array_equal(shown_cells[row + 1, column].ravel(), 255 - bright[number])
    filled = np.zeros(shown_cells.shape[:2], bool)
    for number in range(shown):
        filled[2 * (number // columns) : 2 * (number // columns) + 2, number % columns] = True
    assert (shown_cells[~filled] == 128).all()


@pytest.mark.parametrize(("count", "pairs"), [(1, 0), (3, 1), (40, 6)])
def test_interpolations_join_the_images_there_are(count, pairs):
    drawn = figures(5, images(count))
    assert {"samples", "reconstructions", "codes"} <= drawn.keys()
    assert ("interpolations" in drawn) is (pairs > 0)
    codes = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    paths = np.asarray(latents.interpolations(codes))
    assert paths.shape == (pairs, 2, 15, 5)
    for pair in range(pairs):
        for path in paths[pair]:
            np.testing.assert_allclose(path[[0, -1]], codes[2 * pair : 2 * pair + 2], atol=1e-5)


@pytest.mark.parametrize(("latent", "count"), [(1, 1), (2, 30), (3, 2)])
def test_codes_of_any_size_are_shown_in_the_plane(latent, count):
    codes = np.random.default_rng(1).normal(size=(count, latent))
    points, caption = latents.to_plane(codes)
    assert points.shape == (count, 2)
    assert ("principal components" in caption, "one-dimensional" in caption) == (latent == 3, latent == 1)
    if latent < 3:
        assert np.array_equal(points[:, :latent], codes)
        assert not points[:, latent:].any()
    drawn = figures(latent, images(count))
    assert drawn["codes"].caption == caption
    assert pixels(drawn["codes"]).ndim == 3
    assert ("manifold" in drawn) is (latent == 2)
    assert next(iter(drawn)) == ("manifold" if latent == 2 else "samples")


def test_concepts_between_the_classes_that_have_examples():
    """Of classes 1 and 2 alone, each is the other's neighbour; strength 1 moves an example by the difference."""
    codes, label = np.array([[0.0, 1.0], [2.0, 1.0], [7.0, 5.0]]), np.array([1, 1, 2])
    moved, pairs = latents.concept_codes(codes, label, np.array([0.0, 1.0]))
    assert pairs == [(1, 2)]
    np.testing.assert_allclose(moved, [[0.0, 1.0], [6.0, 5.0]])
    drawn = figures(2, images(30, label=1 + np.arange(30) % 2))
    assert drawn["concepts"].caption.endswith(", b to c")
    assert {"manifold", "samples", "reconstructions", "interpolations", "concepts", "codes"} == drawn.keys()


@pytest.mark.ci
def test_gaps_among_many_classes():
    label = np.array([0, 3, 4, 7, 9, 11, 20, 21, 22, 40, 65535] * 3)
    codes = np.random.default_rng(2).normal(size=(len(label), 4))
    moved, pairs = latents.concept_codes(codes, label, np.linspace(0.0, 1.5, 11))
    assert moved.shape == (55, 4)
    assert np.isfinite(moved).all()
    assert all(a != b and {a, b} <= set(label.tolist()) for b, a in pairs)


@pytest.mark.ci
@pytest.mark.parametrize("classes", [("a", "b"), ()])
def test_one_class_alone_has_no_concepts(classes):
    drawn = figures(2, images(30, label=np.full(30, len(classes) and 1), classes=classes))
    assert {"manifold", "samples", "reconstructions", "interpolations", "codes"} == drawn.keys()


@pytest.mark.ci
def test_snapshots_that_cannot_be_read_are_passed_over(tmp_path):
    like, folder = np.linspace(0, 1, 120).reshape(10, 12, 1), tmp_path / watched.FOLDER
    name = lambda step: folder / f"step-{step:08d}.png"
    for step in (1, 2, 3, 9):
        save_png(name(step), like**step, latents.SCALE)
    whole = name(2).read_bytes()
    Image.new("RGBA", (24, 20)).save(name(4))
    Image.new("L", (7, 9)).save(name(5))
    name(6).mkdir()
    name(7).symlink_to(tmp_path / "nowhere")
    name(8).write_bytes(b"not a picture")
    for length in range(0, len(whole) - 20, 9):  # without the end mark it is still whole
        name(2).write_bytes(whole[:length])
        (figure,) = latents.animation(watched.history(tmp_path, "step", 8), like)
        with Image.open(io.BytesIO(figure.render())) as film:
            assert film.n_frames == 2
            for frame, power in enumerate((1, 3)):
                film.seek(frame)
                shown = np.asarray(film.convert("L"))[::2, ::2]
                np.testing.assert_array_equal(shown, np.rint(255 * like[..., 0] ** power))
