"""Tables of means over seeds."""

from jaxgen.study.seeded import lines, table, told


def test_means_have_the_intervals_that_their_number_allows():
    assert told([0.5, 0.6], True) == "55.0 % (50.0 to 60.0)"
    assert told([0.01, 0.02], True) == "1.50 % (1.00 to 2.00)"
    assert told([2.0], False) == "2"
    assert told([0.25, 0.25], False) == "0.250"
    assert told([], False) == told([float("nan")], True) == "–"
    assert told([1.0, 2.0, 3.0, 4.0, 5.0], False) == "3 (1.037 to 4.963)"  # 3 +- 2.776 sqrt(2.5 / 5)
    rows = {"pixels": [{"share": 0.5}], "a": [{"error": 2.0, "share": 0.1}, {"error": 4.0, "share": 0.3}]}
    made = table("Codes", rows, ["error", "share"], {"share"}, {})
    assert made.caption == "Codes; means of 2 seeds with their ranges"
    assert lines(made) == ["pixels: error –; share 50.0 %", "a: error 3 (2 to 4); share 20.0 % (10.0 to 30.0)"]
