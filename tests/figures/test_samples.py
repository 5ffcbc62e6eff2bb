"""Statistics of samples against counts by hand, and the tables that show them."""

import math

import pytest

from jaxgen.figures import samples
from jaxgen.report import page


def test_distinct_sequences():
    text = "the cat, the cat; the dog"  # the cat , the cat ; the dog
    assert samples.distinct_n(text, 1) == 5 / 8
    assert samples.distinct_n(text, 2) == 6 / 7
    assert samples.distinct_n("abab", 2, "char") == 2 / 3
    assert samples.distinct_n("I don’t, he doesn't", 1) == 1.0
    assert samples.distinct_n("don't don't", 1) == 1 / 2


def test_distinct_sequences_of_several_texts_do_not_cross_their_ends():
    assert samples.distinct_n(["a b", "a b"], 2) == 1 / 2
    assert samples.distinct_n(["a b", "c"], 2) == 1.0
    assert math.isnan(samples.distinct_n(["a", ""], 2))


def test_repetition_is_that_within_a_text():
    loop, free = "a b c d a b c d a", "a b c d e f g h i"
    assert samples.repeated(loop) == pytest.approx(1 - 4 / 6)
    assert samples.repeated([loop, free, "too short"]) == pytest.approx((1 - 4 / 6) / 2)
    assert samples.repeated([free, free]) == 0.0
    assert math.isnan(samples.repeated("too short"))


def test_real_words_stand_in_the_training_text():
    real = samples.words("The soul's Übermensch, in 1887")
    assert real == {"the", "soul", "s", "übermensch", "in"}
    assert samples.real_words("oul THE soul blorp übermensch_in 42 th", real) == 4 / 5  # cut at both ends
    assert samples.real_words([" the ", " blorp "], real) == 1 / 2
    assert math.isnan(samples.real_words(["the", ""], real))


def test_the_table_of_temperatures():
    real = samples.words("so it is what it is")
    rows = [
        samples.statistics(0.2, 1.234, [" it is it is it is it is "], real),
        samples.statistics(1.2, math.nan, [" what so blorp is "], real),
        samples.statistics(2.0, 3.0, [""], real),
    ]
    table = samples.temperature_table(rows, "one sample of 10 characters")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["0.2", "1.23", "0.25", "0.29", "60%", "100%"],
        ["1.2", "–", "1.00", "1.00", "0%", "75%"],
        ["2", "3.00", "–", "–", "–", "–"],
    ]
    assert len(table.columns) == 6
    assert "one sample of 10 characters" in table.caption
    assert "distinct-1, distinct-2" in table.notes


def sample(step, temperature=0.5, text="", prompt="Once\nupon "):
    return {"step": step, "temperature": temperature, "prompt": prompt, "text": text or f"{step} at {temperature}"}


def test_samples_side_by_side():
    rows = [sample(step, t) for step in range(0, 11_000, 1000) for t in (1.0, 0.2)]
    rows += [sample(0, 0.2, "later\n" + 40 * "x"), sample(10_000, 0.0)]
    table = samples.side_by_side(rows, most=3, length=10)
    assert table.columns == ["step", "T = 0", "T = 0.2", "T = 1"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["0", "–", "later\nxxxx…", "0 at 1.0"],
        ["5,000", "–", "5000 at 0.…", "5000 at 1.…"],
        ["10,000", "10000 at 0…", "10000 at 0…", "10000 at 1…"],
    ]
    assert table.prose
    assert "“Once upon”" in table.caption
    assert "“" not in samples.side_by_side([sample(0), sample(1, prompt="Other")]).caption
    assert samples.side_by_side([]).rows == []


def test_samples_keep_their_lines_in_a_report(tmp_path):
    pytest.importorskip("jinja2")
    table = samples.side_by_side([sample(1, text="\n one\n  <b>two</b>\n")])
    page.write(tmp_path / "report.html", "t", [page.Chapter("c", tables=[table])])
    text = (tmp_path / "report.html").read_text()
    assert "<td>\n one\n  &lt;b&gt;two&lt;/b&gt;\n</td>" in text
