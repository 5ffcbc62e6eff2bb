import base64
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("jinja2")

from jaxgen.core.types import Measured, Refused
from jaxgen.report import page, pictures
from jaxgen.run import record

EVIL = '<script>alert("1")</script>'


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside of style."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def rows(values):
    timing = {"seconds": 1.0, "steps_per_second": 50.0}
    return [
        {"stage": 0, "step": 10 * n, "train": {"loss": v}, "valid": {"loss": v}, "timing": timing}
        for n, v in enumerate(values, 1)
    ]


def chapter(folder, title="A run", **changes):
    pictures.save_png(folder / "small.png", np.eye(8))
    pictures.save_gif(folder / "walk.gif", [np.eye(8), 1 - np.eye(8)])
    metrics = {
        "test_nll": Measured(-1234.56, "Nats per image."),
        "test_fid": Measured(math.nan, "-"),
    }
    summary = record.write_summary(
        folder / "summary.json",
        technique="vae",
        config={"optimizer": {"rate": 0.1}},
        seed=3,
        steps=50_000,
        seconds=187.0,
        params_sha256="0" * 64,
        metrics=metrics,
    )
    shown = [page.Picture(folder / "small.png", "eight"), page.Picture(folder / "walk.gif", "a walk")]
    whole = page.Chapter(title, "What it does.", summary, rows([3.0, 2.0, 1.0]), shown)
    return whole._replace(**changes)


def write(folder, *chapters):
    page.write(folder / "out" / "report.html", "The title", chapters)
    assert [path.name for path in (folder / "out").iterdir()] == ["report.html"]
    return (folder / "out" / "report.html").read_text()


def test_a_run_says_what_it_did(tmp_path):
    text = " ".join(" ".join(Page(write(tmp_path, chapter(tmp_path))).text).split())
    for part in (
        *("The title", "A run", "What it does.", "50,000 steps", "3 min 7 s", "50 steps per second"),
        *("test_nll", "−1,235", "Nats per image.", "test_fid", "optimizer.rate", "0.1", "jaxlib", "0" * 64),
        *("eight", "a walk", "train 1", "valid 1"),
    ):
        assert part in text, part


def test_what_is_missing_is_told_in_any_letters(tmp_path):
    text = write(tmp_path, chapter(tmp_path, missing=["not drawn: layers (l\udce4tin)"]))
    assert "not drawn: layers (l\\udce4tin)" in text


def test_every_picture_is_inside_and_nothing_is_outside(tmp_path):
    text = write(tmp_path, chapter(tmp_path), chapter(tmp_path, "Again"))
    page = Page(text)
    images = page.all("img")
    assert len(images) == 4
    for image, name, kind in zip(images, ("small.png", "walk.gif"), ("png", "gif")):
        head, data = image["src"].split(",")
        assert head == f"data:image/{kind};base64"
        assert base64.b64decode(data) == (tmp_path / name).read_bytes()
        assert image["class"] == "squares"
        assert image["alt"]
    assert not page.all("script")
    assert not page.all("link")
    links = [a[key] for _, a in page.tags for key in ("src", "href", "data", "xlink:href") if key in a]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"url\(|@import|https?://", text)


def test_both_colour_schemes_and_small_screens_are_served(tmp_path):
    text = write(tmp_path, chapter(tmp_path))
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)[1]
    light = re.search(r":root \{(.*?)\}", style, re.DOTALL)[1]
    dark = re.search(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", style, re.DOTALL)[1]
    names = re.compile(r"(--[a-z]+): #")
    assert names.findall(light) == names.findall(dark)
    assert "currentColor" in style
    assert "image-rendering: pixelated" in style
    assert "width=device-width" in text


def test_what_users_write_stays_text(tmp_path):
    evil = chapter(
        tmp_path,
        EVIL,
        text=EVIL,
        rows=[{**rows([1.0])[0], "train": {EVIL: 1.0}}],
        config={EVIL: EVIL, "nested": {EVIL: EVIL}},
        pictures=[page.Picture(tmp_path / "small.png", f'"{EVIL}')],
    )
    evil.summary["metrics"][EVIL] = {"value": 1.0, "definition": EVIL}
    evil = evil._replace(summary={**evil.summary, "technique": EVIL})
    text = write(tmp_path, evil, evil)
    assert "<script" not in text
    assert not Page(text).all("script")
    assert "".join(Page(text).text).count(EVIL) >= 16


@pytest.mark.parametrize("values", [[math.nan] * 3, [1.0, math.nan, 2.0], [None, 1.0], [math.inf, 1.0]])
def test_a_diverged_run_has_a_report(tmp_path, values):
    text = write(tmp_path, chapter(tmp_path, rows=rows(values)))
    lost = 2 * sum(value is None or not math.isfinite(value) for value in values)
    assert f"{lost} not finite" in text
    assert ("<svg" in text) == any(value is not None and math.isfinite(value) for value in values)
    assert "NaN" not in text


def test_a_tour_has_contents_and_a_table(tmp_path):
    read = Page(write(tmp_path, chapter(tmp_path, "First"), chapter(tmp_path, "Second"), page.Chapter("Nothing yet")))
    ids = [section["id"] for section in read.all("section")]
    assert len(set(ids)) == 3
    links = [link["href"] for link in read.all("a")]
    assert links == [f"#{name}" for name in ids] * 2  # contents, then table
    text = " ".join(" ".join(read.text).split())
    assert "First 50,000 3 min 7 s test_nll −1,235" in text
    single = Page(write(tmp_path, chapter(tmp_path)))
    assert not single.all("nav")
    assert not single.all("table")


def test_large_pictures_are_not_squares_and_fit(tmp_path):
    assert page.shown_width(28, 28) == 280
    assert page.shown_width(300, 20) == 300
    assert page.shown_width(640, 427) == 640
    assert page.shown_width(4000, 1000) == page.FULL
    pictures.save_png(tmp_path / "large.png", np.zeros((600, 600)))
    large = page.inline(page.Picture(tmp_path / "large.png", ""))
    assert (large["width"], large["kind"], large["wide"]) == (page.TALL, "", False)
    drawn = page.inline(page.Picture(tmp_path / "large.png", "", 1))
    assert (drawn["width"], drawn["kind"], drawn["wide"]) == (600, "drawn", True)


def test_what_tells_nothing_takes_no_room(tmp_path):
    """A constant rate is a number and no chart, of a long list the first entries are shown."""
    told = [{**row, "train": {"rate": 1e-3, "critic_rate": 0.1 / row["step"]}} for row in rows([1.0, 2.0])]
    text = write(
        tmp_path, chapter(tmp_path, rows=told, config={"vocabulary": list(range(5000)), "months": [*range(12)]})
    )
    assert "<span>rate 0.001</span>" in text
    assert "<strong>rate</strong>" not in text
    assert "<strong>critic_rate</strong>" in text
    assert "10, 11, … 5,000 in all]" in text
    assert "10, 11]" in text  # twelve are no long list


def test_without_jinja2_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(Refused, match=r"jaxgen\[report\]"):
        page.write(tmp_path / "r.html", "t", [])


def test_numbers_for_the_eye():
    values = (None, math.inf, 50_000, -0.97312, 1234.56, 1e-5, -2e9 - 0.5, 98.0)
    expected = ["–", "–", "50,000", "−0.9731", "1,235", "1.000e−05", "−2.000e+09", "98"]
    assert [page.quantity(value) for value in values] == expected
    seconds = (None, 0.84, 42.4, 185, 7800)
    assert [page.duration(s) for s in seconds] == ["–", "0.8 s", "42 s", "3 min 5 s", "2 h 10 min"]
