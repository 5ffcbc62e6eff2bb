import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.report import confusions
from jaxgen.report.canvas import rendered

pytest.importorskip("matplotlib")
from matplotlib.text import Text


def text_of(figure):
    """All that is written in a figure, sorted, without what is empty."""
    figure.draw_without_rendering()
    return sorted(one.get_text() for one in set(figure.findobj(Text)) if one.get_visible() and one.get_text())


def share_at(figure, path):
    """The colours [C, C, 3] of cells at their lower left, beside the number."""
    figure.savefig(path, dpi="figure")
    with Image.open(path) as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    places = np.stack(np.meshgrid(np.arange(3) - 0.4, np.arange(3) + 0.4), -1).reshape(-1, 2)
    x, y = figure.axes[0].transData.transform(places).astype(int).T
    return page[len(page) - 1 - y, x].reshape(3, 3, 3)


def test_colours_are_shares_of_a_row(tmp_path):
    counts = np.array([[90, 8, 2], [0, 9000, 800], [0, 0, 0]])
    colours = share_at(confusions.matrix(counts, ["a", "b", "c"], "t"), tmp_path / "a.png")
    red, _, blue = np.moveaxis(colours, -1, 0)
    assert blue[0, 0] > red[0, 0] + 20  # correct
    assert red[1, 2] > blue[1, 2] + 100  # an error, and the worst one
    np.testing.assert_allclose(colours[0, 1], colours[1, 2], atol=12)  # 8 of 100 are as bad as 800 of 9800
    assert colours[0, 2].sum() > colours[0, 1].sum() + 100
    assert (colours[[1, 2, 2], [0, 0, 2]] == colours[2, 1]).all()  # nothing, whether or not the class has examples
    more = confusions.matrix(counts * np.array([[10], [1], [1]]), ["a", "b", "c"], "t")
    np.testing.assert_array_equal(share_at(more, tmp_path / "b.png")[0], colours[0])
    better = confusions.matrix([[90, 8, 2], [0, 9760, 40], [0, 0, 0]], ["a", "b", "c"], "t")
    assert share_at(better, tmp_path / "c.png")[1, 2].sum() > colours[1, 2].sum() + 100


def test_says_counts_and_accuracies_of_few_classes():
    counts = jnp.array([[7, 0, 1], [0, 1234, 0], [0, 0, 0]])
    figure = confusions.matrix(counts, ["a", "b", "a class of long name"], "t", ("guess", "truth"))
    written, numbers = text_of(figure), figure.axes[0].texts
    assert {one.get_text(): one.get_position() for one in numbers} == {"7": (0, 0), "1": (2, 0), "1234": (1, 1)}
    for text, times in {"7": 1, "1": 1, "1234": 1, "0": 0, "87.5 %": 1, "100.0 %": 1, "–": 1, "a": 2, "b": 2}.items():
        assert written.count(text) == times, text
    assert {"a class of long…", "guess", "truth", "t"} <= set(written)


@pytest.mark.ci
@pytest.mark.parametrize("count", [20, 21, 51])
def test_names_all_classes_as_far_as_fifty(count):
    names = [f"n{n}" for n in range(count)]
    figure = confusions.matrix(np.full((count, count), 3), names, "t")
    written = text_of(figure)
    assert all(written.count(name) == (2 if count <= 50 else 0) for name in names)
    assert written.count("3") == (count**2 if count <= 20 else 0)


@pytest.mark.ci
def test_short_names_stand_beside_each_other_where_crowded():
    figure = confusions.matrix(np.ones((50, 50)), [f"{n:02}" for n in range(50)], "t")
    figure.draw_without_rendering()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        labels = [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) == 50
        assert boxes[0].height > 2 * 7  # letters of 9.5 on the page
        assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


@pytest.mark.parametrize("counts", [np.zeros((2, 3)), np.zeros((3, 3)), -np.eye(2), np.full((2, 2), np.nan)])
def test_needs_counts(counts):
    with pytest.raises(ValueError, match="expected counts"):
        rendered(confusions.matrix, counts, ["a", "b"], "t")
