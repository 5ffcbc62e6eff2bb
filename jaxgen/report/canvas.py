"""Drawing with matplotlib for reports: the style, the size, and rendering to PNG."""

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, ParamSpec

from jaxgen.core.types import Refused
from jaxgen.report.items import Figure

P = ParamSpec("P")

DENSITY = 2  # pixels of a file per pixel of the page
LETTER = 0.6  # approximate width of a letter, as a share of its size
INK, SOFT, RULE, GRID, PAPER = "#1d1f23", "#656973", "#c9c9c4", "#ecece8", "#f4f4f1"  # from dark to light
STYLE: dict[str, Any] = {
    "svg.hashsalt": "jaxgen",  # ids that would be random
    "text.parse_math": False,  # a dollar sign in the name of a class starts no formula
    **{"text.color": INK, "axes.labelcolor": SOFT, "axes.edgecolor": RULE, "grid.color": GRID},
    **{"xtick.color": RULE, "ytick.color": RULE, "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT},
    **{"font.size": 11, "axes.titlesize": 13, "axes.titlelocation": "left", "axes.titlepad": 8},
    **{"axes.labelsize": 11.5, "xtick.labelsize": 11, "ytick.labelsize": 11},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.formatter.useoffset": False},
    **{"legend.frameon": False, "legend.labelcolor": SOFT, "legend.handlelength": 1.2},
}


@contextlib.contextmanager
def _without_backend() -> Iterator[None]:
    """The environment without MPLBACKEND.

    matplotlib fails to be imported where it does not know the backend that the variable names: that of a notebook,
    which hands it on to every process, or of another version. Nothing here is drawn in a window.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


@contextlib.contextmanager
def _style() -> Iterator[None]:
    """Applies STYLE instead of the user's matplotlibrc. Raises Refused where matplotlib is not installed."""
    try:
        with _without_backend():
            from matplotlib import style
    except ImportError:
        raise Refused('drawings need matplotlib: pip install "jaxgen[report]"') from None
    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the box drawn for a missing glyph says as much
        yield


def canvas(width: float, height: float, layout: Literal["constrained"] | None = "constrained"):
    """An empty matplotlib Figure of that many pixels of the page, the unit of font sizes and line widths as well."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # pyplot would keep every figure in a global list, and look for a screen

    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * DENSITY, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def styled(draw: Callable[P, Any]) -> Callable[P, Any]:
    """`draw` in the style of a report. Raises Refused where matplotlib is not installed."""
    return _style()(draw)


def rendered(draw: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> bytes:
    """The PNG file of the figure that `draw` makes. Raises Refused where matplotlib is not installed."""
    with _style():
        buffer = io.BytesIO()
        draw(*args, **kwargs).savefig(buffer, format="png", dpi="figure")
    return buffer.getvalue()


def vector(draw: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> bytes:
    """The same as an SVG file, for a paper; the same bytes each time."""
    with _style():
        buffer = io.BytesIO()
        draw(*args, **kwargs).savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def drawing(name: str, caption: str, draw: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Figure:
    """The report's Figure of the drawing `draw(*args, **kwargs)`, which is made only when it is rendered."""
    return Figure(name, caption, lambda: rendered(draw, *args, **kwargs))
