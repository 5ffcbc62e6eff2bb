"""Pictures of paths say whose they are, survive whatever a path does, and suit the page."""

import functools
import io
import sys

import numpy as np
import pytest
from PIL import Image

from jaxgen.report.canvas import rendered
from jaxgen.report.plots import COLOURS
from jaxgen.study import contours
from jaxgen.study.surfaces import SURFACES

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.text import Text

png = functools.partial(rendered, contours.contour_figure)
T = np.linspace(0, 1, 41)[:, None]
STRAIGHT = np.array([-4.0, 1.0]) + T * [4.0, -1.0]
BENT = np.concatenate([-4.0 + 4.0 * T, (1.0 - T) ** 3], 1)
GONE = STRAIGHT * 10.0 ** np.arange(41)[:, None]
ODD = {
    "huge": np.float32(GONE),
    "infinite": np.concatenate([STRAIGHT[:5], np.full((3, 2), -np.inf)]),
    "lost": np.concatenate([STRAIGHT[:5], np.full((36, 2), np.nan)]),
    "never": np.full((41, 2), np.nan),
    "$one_": STRAIGHT[:1],
    "good": BENT,
}


def rgb(colour):
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def colours(image):
    return {colour for _, colour in image.convert("RGB").getcolors(2**24)}


def written(figure):
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(Text) if text.get_text()}


def opened(data):
    return Image.open(io.BytesIO(data))


def frames(data):
    with opened(data) as image:
        for n in range(image.n_frames):
            image.seek(n)
            yield dict(image.info), image.convert("RGB")


@pytest.fixture
def few(monkeypatch):
    """Animations of a few moments: most of a test's time is drawing."""
    monkeypatch.setattr(contours, "FRAMES", 3)


@pytest.mark.parametrize(
    "surface", ["quadratic", *(pytest.param(each, marks=pytest.mark.ci) for each in SURFACES if each != "quadratic")]
)
def test_a_picture_says_what_is_in_it(surface):
    paths, rates = {"sgd": STRAIGHT, "adam": BENT}, {"sgd": 0.019, "adam": 1e-4}
    said = written(contours.contour_figure(surface, paths, rates))
    assert {"sgd  0.019", "adam  0.0001", "start", "minimum", "learning rate", "x", "y"} <= said
    assert f"{surface.capitalize()}: 40 updates, a dot every 2" in said or "40 updates, a dot each" in " ".join(said)


@pytest.mark.ci
def test_files_suit_the_page_and_hold_the_colours(few, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    gif = contours.contour_gif("quadratic", {"sgd": STRAIGHT, "adam": BENT})
    with opened(png("quadratic", {"sgd": STRAIGHT, "adam": BENT})) as image:
        assert image.size == (2 * contours.WIDTH, 2 * contours.HEIGHT)
        assert {rgb(COLOURS[0]), rgb(COLOURS[1])} <= colours(image)
    still, last = [picture for _, picture in frames(gif)][:: contours.FRAMES - 1]
    assert still.size == (contours.WIDTH * contours.SHARP, contours.HEIGHT * contours.SHARP)
    assert {rgb(COLOURS[0]), rgb(COLOURS[1]), (255, 255, 255)} <= colours(last)
    ahead, behind = np.array(last) != np.array(still), np.s_[40:, :]
    assert ahead[:30].any()  # the number of the update
    assert ahead[behind].any()


@pytest.mark.ci
def test_an_animation_moves_and_rests_at_its_end():
    gif = contours.contour_gif("saddle", {"sgd": STRAIGHT[:5], "adam": BENT[:7]})
    found = list(frames(gif))
    assert len(found) == 7  # one for each update, the first point included
    assert [info["duration"] for info, _ in found] == [contours.MOMENT] * 6 + [contours.END]
    assert found[0][0]["loop"] == 0
    assert len(gif) < 2 * 2**20
    assert len(set().union(*(colours(picture) for _, picture in found))) <= 256


@pytest.mark.ci
def test_tails_fade(few, monkeypatch):
    """The last third of a path is in its colour or nearly, the first is pale."""
    monkeypatch.setattr(contours, "TAIL", 1)
    *_, last = contours._images("quadratic", {"sgd": STRAIGHT}, {}, ())
    image = np.asarray(last.convert("RGB"), np.int32)
    image = image[:, : int(0.8 * image.shape[1])]  # without the legend
    strong = np.flatnonzero((np.abs(image - rgb(COLOURS[0])).sum(-1) < 60).any(0))
    visible = np.flatnonzero((image[..., 2] - image[..., 0] > 60).any(0))
    assert visible.min() < 0.25 * image.shape[1] < 0.5 * image.shape[1] < strong.min()


@pytest.mark.ci
def test_long_paths_are_drawn_in_time(few, monkeypatch):
    monkeypatch.setattr(contours, "LONGEST", 4)
    blue = []
    for path in (STRAIGHT[:40], STRAIGHT[:37], STRAIGHT):
        image = np.asarray(contours._images("quadratic", {"sgd": path}, {}, ())[-1].convert("RGB"))[:, :800]
        blue.append(np.flatnonzero((image == rgb(COLOURS[0])).all(-1).any(0)).max())
    assert blue[1] < blue[0] < blue[2]  # the end is shown, whatever is left out


@pytest.mark.ci
def test_whatever_a_path_does(few):
    assert contours.contour_gif("quadratic", ODD)
    said = written(contours.contour_figure("quadratic", ODD))
    assert {"huge", "infinite\ndiverged", "lost\ndiverged", "never\ndiverged", "$one_", "good"} <= said
    assert "learning rate" not in said
    only = {"$one_": STRAIGHT[:1]}
    assert len(list(frames(contours.contour_gif("beale", only)))) == 1


@pytest.mark.ci
def test_a_path_that_leaves_is_seen_leaving():
    """Up to its last finite point, whatever comes then, and straight, however far that is."""

    def blue(*far):
        with opened(png("quadratic", {"sgd": [*STRAIGHT[:20], np.float32(far)]})) as image:
            found = np.asarray(image.convert("RGB"), np.int32)
        return found[..., 2] - found[..., 0] > 100

    lost = blue(np.nan, np.nan)
    assert lost[:, :600].sum() > 1000
    np.testing.assert_array_equal(lost, blue(np.inf, 0.5))
    assert blue(1e4, 1e4).sum() > 1.2 * lost.sum()
    np.testing.assert_array_equal(blue(1e6, 1e6), blue(1e30, 1e30))


@pytest.mark.ci
def test_an_optimiser_has_one_colour_in_all_pictures_and_each_another(few):
    order = [f"o{n}" for n in range(30)]

    def style(paths, order=()):
        lines = contours.contour_figure("beale", dict.fromkeys(paths, STRAIGHT), {}, order).legends[0].legend_handles
        return {line.get_label(): (line.get_color(), line.get_marker()) for line in lines[:-2]}

    every = style(order)
    assert len(set(every.values())) == 30
    assert [every[name][0] for name in order[:8]] == list(COLOURS)
    assert style(["o7", "o3"], order) == {name: every[name] for name in ("o7", "o3")}
    assert style(["o7", "new"], order)["new"] not in every.values()
    images = contours._images("beale", dict.fromkeys(order, STRAIGHT), {}, ())
    assert len(colours(images[-1])) <= 256


def test_what_cannot_be_drawn_is_named():
    wrong = [
        ("plane", {"a": STRAIGHT}),
        ("beale", {}),
        ("beale", {"a": STRAIGHT[0]}),
        ("beale", {"a": np.zeros((0, 2))}),
    ]
    for surface, paths in [*wrong, ("beale", {"a": STRAIGHT, "b": np.zeros((3, 3))})]:
        for draw in (contours.contour_figure, contours.contour_gif):
            with pytest.raises(ValueError, match=r"expected one of rosenbrock, .* and paths \[T \+ 1, 2\], not"):
                draw(surface, paths)
