import re

import numpy as np
import pytest

pytest.importorskip("jinja2")

from jaxgen.report import page, pictures
from jaxgen.report.items import Cell, Table
from jaxgen.report.page import Chapter

EVIL = '<script>alert("1")</script>'


def written(folder, *chapters, **options):
    page.write(folder / "report.html", "The title", chapters, **options)
    return (folder / "report.html").read_text()


def test_tables_and_notes_are_shown(tmp_path):
    table = Table(EVIL, ["name", EVIL], [[Cell(EVIL), Cell("1.5", "0 to 2", strong=True)]])
    text = written(tmp_path, Chapter("A run", "One.\n\nTwo.", tables=[table], notes={"value": EVIL}))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 4
    assert "<strong>1.5</strong><small>0 to 2</small>" in text
    assert "<p>One.</p>\n<p>Two.</p>" in text
    assert text.count("<table") == text.count("<dt>value</dt>") == 1
    for absent in ('class="facts"', "<h3>", "Configuration", "Environment"):
        assert absent not in text


def test_texts_in_a_table_keep_their_lines(tmp_path):
    rows = [[Cell("1"), Cell("\n One\n  two")]]
    text = written(tmp_path, Chapter("A run", tables=[Table("", ["step", "text"], rows, prose=True)]))
    assert "<td>\n One\n  two</td>" in text
    name = re.search('<table class="results (.*)">', text)[1]
    assert re.search(rf"^\.{name} td\b.*white-space: pre-wrap", text, re.MULTILINE)
    plain = written(tmp_path, Chapter("A run", tables=[Table("", ["step", "text"], rows)]))
    assert '<table class="results">' in plain


def test_the_overview_may_be_left_out(tmp_path):
    text = written(tmp_path, Chapter("First", summary={"steps": 3}), Chapter("Second"), overview=False)
    assert '<table class="overview"' not in text
    assert text.count("<nav") == 1


def test_a_picture_may_say_its_density(tmp_path):
    pictures.save_png(tmp_path / "large.png", np.zeros((100, 1200)))
    widths = [page.inline(page.Picture(tmp_path / "large.png", "", n))["width"] for n in (0, 1, 2)]
    assert widths == [page.FULL, page.FULL, 600]
