"""Tables in Markdown: places are filled from numbers, ratios by hand."""

import json

import floors
import pytest

from benchmarks import comparison, tables
from benchmarks.serving import LOOPS
from jaxgen.core.types import Refused

RACE = {"fused": 50.0, "fused, 2 host devices": 1500.0, "PyTorch": 1000.0}
ROWS = [
    {"network": "mlp", "contender": name, "images_per_second": speed, "quality": 1.0, "equal": True, "share": 0.25}
    for name, speed in RACE.items()
]
LIMITS = [{"limit": "triad", "value": 20.0, "unit": "GB/s"}]
NUMBERS = {
    "device": {"kind": "a processor"},
    "cores": 2,
    "versions": {"python": "3", "jax": "0.10"},
    "date": "2026-01-02T03:04",
    "limits": LIMITS,
    "rows": {"vae": ROWS, "start": [{"contender": "cold", "seconds": 4.126, "quality": None, "blocks": [4.0]}]},
}
RACED = """a
<!-- vae -->
`python -m benchmarks --only=vae`, images per second:

| network | fused | fused, 2 host devices | PyTorch | ours against the fastest peer | share of products | quality |
| --- | --- | --- | --- | --- | --- | --- |
| mlp | 50 | 1,500 | 1,000 | 1.5 times | 0.25 | 1 |
<!-- end -->
b"""


def of(name):
    return f"a\n<!-- {name} -->\nold\nlines\n<!-- end -->\nb"


def test_places_are_filled():
    assert tables.written(of("vae"), NUMBERS) == RACED
    assert tables.written(RACED, NUMBERS) == RACED
    assert "| cold | 4.13 |" in tables.written(of("start"), NUMBERS)
    assert "2 cores of a processor, python 3, jax 0.10, 2026-01-02; limits: triad 20 GB/s." in tables.written(
        of("about"), NUMBERS
    )
    (row,) = tables.summary(NUMBERS).splitlines()[4:]
    assert "[1,500; PyTorch 1,000; 1.5 times](benchmarks/README.md#variational-autoencoders)" in row
    with pytest.raises(Refused, match="no rows of gan"):
        tables.written(of("gan"), NUMBERS)


def test_where_ours_is_slower_it_says_so_and_what_was_refused_does_not_count():
    slow = [{**row, "images_per_second": 800.0} if row["contender"] != "PyTorch" else row for row in ROWS]
    assert "0.8: slower" in tables.summary({**NUMBERS, "rows": {"vae": slow}})
    other = [{**row, "equal": row["contender"] != "PyTorch"} for row in ROWS]
    refused = {**NUMBERS, "rows": {"vae": other}}
    assert tables.sides(refused, "vae", "mlp").peer == ""
    assert "1,000 (refused)" in tables.race(refused, "vae")
    pair = tables.sides(NUMBERS, "vae", "mlp", ("fused", "fused, 2 host devices"))
    assert pair.ratio == pytest.approx(1 / 30)


def test_pages_are_written_from_a_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "numbers.json").write_text(json.dumps(NUMBERS))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "PAGES", ("page.md",))
    (tmp_path / "page.md").write_text(of("vae"))
    assert tables.main([str(tmp_path / "numbers.json")]) == 0
    assert (tmp_path / "page.md").read_text() == RACED
    assert tables.summary(NUMBERS) in capsys.readouterr().out


def test_pages_are_those_of_the_numbers_kept():
    numbers = comparison.read(str(floors.root() / "benchmarks/numbers.json"))
    for name in tables.PAGES:
        text = (floors.root() / name).read_text()
        assert tables.PLACE.search(text)
        assert tables.written(text, numbers) == text, f"{name}: python -m benchmarks.tables benchmarks/numbers.json"


def test_each_line_of_readmes_table_has_its_race_and_section():
    """Else it would be left out without a word."""
    page = (floors.root() / "benchmarks/README.md").read_text().lower()
    headings = {line.strip("# ").replace(" ", "-") for line in page.splitlines() if line.startswith("## ")}
    for line in tables.LINES:
        loop = LOOPS[line.race]
        assert line.case in loop.cases, line
        assert line.anchor in headings, line
        assert set(line.pair or ()) <= {each.label for each in loop.contenders}, line


def test_foreign_files_are_refused(tmp_path, capsys):
    (tmp_path / "other.json").write_text(json.dumps({"rows": 3}))
    assert tables.main([str(tmp_path / "other.json")]) == 2
    assert "holds no numbers" in capsys.readouterr().err
    assert tables.main([]) == 2
