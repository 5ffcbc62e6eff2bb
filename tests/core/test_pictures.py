import sys

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.core.pictures import save_gif, save_png, save_scatter, to_bytes
from jaxgen.core.types import Refused


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_png_round_trip(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_png(tmp_path / "new" / "a.png", image)
    np.testing.assert_array_equal(
        pixels(tmp_path / "new" / "a.png"), image.reshape(shape[:2] if shape[2:] != (3,) else shape)
    )
    save_png(tmp_path / "b.png", jnp.asarray(image, jnp.float32) / 255)
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), pixels(tmp_path / "new" / "a.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "new"]


def test_enlarging_repeats_pixels(tmp_path):
    save_png(tmp_path / "a.png", np.array([[0.0, 1.0]]), scale=3)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), [[0, 0, 0, 255, 255, 255]] * 3)


def test_what_a_diverged_run_shows():
    image = np.array([[np.nan, -np.inf, np.inf, -0.1, 1.1, 0.5]], np.float32)
    np.testing.assert_array_equal(to_bytes(image), [[0, 0, 255, 0, 255, 128]])
    np.testing.assert_array_equal(to_bytes(np.array([[True, False]])), [[255, 0]])


@pytest.mark.parametrize("image", [np.zeros(3), np.zeros((2, 2, 4)), np.zeros((0, 2)), np.zeros((2, 2), np.int32)])
def test_what_is_no_image_is_named(tmp_path, image):
    with pytest.raises(ValueError, match=r"expected .*found"):
        save_png(tmp_path / "a.png", image)
    assert list(tmp_path.iterdir()) == []


def test_gif_has_its_frames_and_their_time(tmp_path):
    frames = np.linspace(0, 1, 4)[:, None, None, None] * np.ones((4, 6, 5, 1))
    save_gif(tmp_path / "a.gif", frames, milliseconds=120, scale=2)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.size, image.info["duration"], image.info["loop"]) == (
            4,
            (10, 12),
            120,
            0,
        )
        for n in range(4):
            image.seek(n)
            assert np.asarray(image.convert("L"))[0, 0] == to_bytes(frames[n])[0, 0]
    with pytest.raises(ValueError, match="at least one frame"):
        save_gif(tmp_path / "b.gif", [])


def cloud(classes=47, count=2000):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, count)
    return generator.normal(size=(classes, 2))[labels] * 8 + generator.normal(size=(count, 2)), labels


def test_scatter_is_written_without_global_figures(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    points, labels = cloud()
    points[0] = np.nan
    names = ["$"] + [chr(65 + n) for n in range(46)]  # a dollar sign is no mathematics here
    save_scatter(tmp_path / "a.png", points, labels, names, title="$ per _x", axes=("first", "second"))
    image = pixels(tmp_path / "a.png")
    assert image.shape[:2] == (856, 880)
    assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) > 47  # colours
    save_scatter(tmp_path / "b.png", points, labels, names, title="$ per _x", axes=("first", "second"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_scatter_needs_matching_shapes_and_labels(tmp_path):
    for points, labels in [(np.zeros((3, 3)), np.zeros(3, int)), (np.zeros((3, 2)), np.zeros(2, int))]:
        with pytest.raises(ValueError, match=r"expected points \[N, 2\]"):
            save_scatter(tmp_path / "a.png", points, labels, ["a"])
    with pytest.raises(ValueError, match="expected labels from 0 to 1, found 0 to 2"):
        save_scatter(tmp_path / "a.png", np.zeros((3, 2)), np.arange(3), ["a", "b"])


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Refused, match=r"jaxgen\[report\]"):
        save_scatter(tmp_path / "a.png", *cloud(2, 5), ["a", "b"])
