"""The report of one run or several: a single HTML file without scripts or links to other files."""

import base64
import math
import mimetypes
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.report import curves
from jaxgen.report.items import Picture, Table

HALF, FULL, TALL = 452, 944, 440  # px: half and all of the page's width, and the greatest height of a picture
TINY = 300  # px: small pictures are enlarged by whole factors as far as HALF by TINY
LISTED = 12  # entries of a list in the configuration


class Chapter(NamedTuple):
    """One run in a report. Empty parts are left out of the page."""

    title: str
    text: str = ""  # plain; an empty line between paragraphs
    summary: Mapping[str, Any] = {}  # the contents of summary.json
    rows: Sequence[Mapping[str, Any]] = ()  # the rows of metrics.jsonl
    pictures: Sequence[Picture] = ()
    config: Mapping[str, Any] = {}  # nested names are joined by dots; empty: the summary's config
    tables: Sequence[Table] = ()
    notes: Mapping[str, str] = {}  # word in the chapter -> its meaning
    missing: Sequence[str] = ()  # a sentence for what could not be drawn


def write(path: str | os.PathLike, title: str, chapters: Sequence[Chapter], overview: bool = True) -> None:
    """Writes the report to `path`.

    Args:
        path: of the HTML file.
        title: of the page.
        chapters: in order.
        overview: whether several chapters are preceded by a table of them.

    Raises:
        Refused: jinja2 is not installed.
        FileNotFoundError, ValueError: a picture is missing, or no picture.
    """
    page_of = template()
    contents = [contents_of(chapter, [inline(picture) for picture in chapter.pictures]) for chapter in chapters]
    page = page_of(title=title, chapters=contents, overview=overview)
    write_whole(path, page.encode(errors="backslashreplace"))  # the name of a file need not be UTF-8


def template() -> Callable[..., str]:
    """The function that makes a page of the variables of page.html. Raises Refused where jinja2 is not installed."""
    try:
        import jinja2
    except ImportError:
        raise Refused('a report needs jinja2: pip install "jaxgen[report]"') from None
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters.update(quantity=quantity, duration=duration)
    return pages.get_template("page.html").render


def inline(picture: Picture) -> dict:
    """The picture as a data: URI, its width on the page, and how it is shown: drawn on white, pixels as squares, heard.

    A wide drawing scrolls on a small screen, since its letters could not be read.
    """
    from PIL import Image

    kind = mimetypes.guess_type(Path(picture.path).name)[0] or ""
    if not kind.startswith(("image/", "audio/")):
        raise ValueError(f"expected a picture or a sound, found {picture.path}")
    data = Path(picture.path).read_bytes()
    if kind.startswith("audio/"):
        source = f"data:audio/wav;base64,{base64.b64encode(data).decode()}"
        return {"source": source, "width": HALF, "kind": "heard", "wide": False, "caption": picture.caption}
    with Image.open(picture.path) as image:
        width = min(image.width // picture.density, FULL) if picture.density else shown_width(*image.size)
        shown = "drawn" if picture.density else "squares" if image.width < HALF else ""
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    wide = bool(picture.density) and width > HALF
    return {"source": source, "width": width, "kind": shown, "wide": wide, "caption": picture.caption}


def shown_width(width: int, height: int) -> int:
    """Width on the page, in px, of a picture of that many pixels: whole multiples if small, limited if large."""
    factor = max(1, min(HALF // width, TINY // height))
    return factor * width if width < HALF else min(width, FULL, round(width * TALL / height))


def contents_of(chapter: Chapter, pictures: Sequence[Mapping[str, Any]]) -> dict:
    """The variables of the template for a chapter."""
    summary = chapter.summary
    collected = curves.collect(chapter.rows)
    constant = unchanged(collected.lines)
    metrics = [{"name": name, **entry} for name, entry in summary.get("metrics", {}).items()]
    return {
        "title": chapter.title,
        "paragraphs": [paragraph for paragraph in chapter.text.split("\n\n") if paragraph],
        "steps": summary.get("steps"),
        "seconds": summary.get("seconds"),
        "rate": steps_per_second(chapter.rows),
        "metrics": metrics,
        "figures": [
            figure(name, lines, collected.stages) for name, lines in collected.lines.items() if name not in constant
        ],
        "constant": constant,
        "tables": chapter.tables,
        "notes": chapter.notes,
        "pictures": pictures,
        "missing": chapter.missing,
        "config": flatten(chapter.config or summary.get("config", {})),
        "environment": environment_of(summary),
    }


def unchanged(lines: Mapping[str, Mapping[str, curves.Points]]) -> dict[str, float]:
    """The learning rates that stayed as they were, name -> value: a number tells as much as a chart."""
    rates = {name: [y for _, y in own.get("train", [])] for name, own in lines.items() if name.endswith("rate")}
    return {name: values[0] for name, values in rates.items() if values and set(values) == {values[0]}}


def figure(name: str, lines: Mapping[str, curves.Points], stages: Sequence[float]) -> dict:
    """The curves of a metric: the SVG, the last value of each curve, and the number of values that are not finite."""
    values = [value for points in lines.values() for _, value in points]
    last = {group: points[-1][1] for group, points in lines.items()}
    lost = sum(not math.isfinite(value) for value in values)
    return {"name": name, "svg": curves.svg(name, lines, stages), "last": last, "lost": lost}


def steps_per_second(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The median over the log events, since the first includes compilation; None without any."""
    rates = [row.get("timing", {}).get("steps_per_second") for row in rows]
    rates = [rate for rate in rates if rate is not None and math.isfinite(rate)]
    return statistics.median(rates) if rates else None


def environment_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """Device, versions, seed, date and hash of a summary, without the missing ones."""
    entries = {}
    if device := summary.get("device"):
        kind, platform = device["kind"], device["platform"]
        entries["device"] = f"{device['count']} × {kind}" + (f" ({platform})" if platform != kind.lower() else "")
    entries.update(summary.get("versions", {}))
    entries.update({name: summary[name] for name in ("seed", "date", "params_sha256") if name in summary})
    return {name.replace("_", " "): str(value) for name, value in entries.items()}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as one, names joined by dots, values as text."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = _shortened(value)
    return flat


def _shortened(value: Any) -> str:
    """A value as text; of a long list, such as a vocabulary, the first entries and their number."""
    if isinstance(value, list | tuple) and len(value) > LISTED:
        return f"{str(list(value[:LISTED]))[:-1]}, … {len(value):,} in all]"
    return str(value)


def quantity(value: float | None) -> str:
    """A number as text with four digits and separated thousands; a dash for None and values that are not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-3 <= abs(value) < 1e6:
        decimals = max(0, 3 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{decimals}f}"
    else:
        text = f"{value:.3e}"
    return text.replace("-", "−")


def duration(seconds: float | None) -> str:
    """Seconds as text in suitable units: 0.8 s, 42 s, 3 min 5 s, 2 h 10 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
