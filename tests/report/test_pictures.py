import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.report.pictures import moving, save_gif, save_png, still, to_bytes


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


def test_figures_have_the_files_contents(tmp_path):
    image, frames = np.eye(6), [np.eye(4), 1 - np.eye(4)]
    save_png(tmp_path / "a.png", image, scale=150)  # to 900 pixels
    save_png(tmp_path / "b.png", image, scale=2)
    save_gif(tmp_path / "c.gif", frames, 200, scale=3)
    figures = (still("a", "eye", image), still("b", "eye", image, scale=2), moving("c", "eyes", frames, 200, scale=3))
    for figure in figures:
        assert (tmp_path / f"{figure.name}{figure.suffix}").read_bytes() == figure.render()
    assert [figure.caption for figure in figures] == ["eye", "eye", "eyes"]
    assert figures[0].density == 0  # its pixels are those of the page


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
