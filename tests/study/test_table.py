import math

import pytest
from study_rows import ACCURACY, ERROR, row, study

from jaxgen.study import records, table
from jaxgen.study.records import Study

RATES = [1e-3, 1e-2, 1e-1]
LOSS = ERROR._replace(metric="negative_elbo")


def made(task, optimizers=("sgd", "adam"), rows=None, **changes):
    """The table of a made-up study with "adam" as baseline."""
    rows = study(task, optimizers, RATES) if rows is None else rows
    return table.task_table(records.build_records(Study(rows, [task], optimizers, "adam", **changes)), "adam")


def cells(shown, optimizer):
    """Heading -> the cell in one line, of one row."""
    line = next(line for line in shown.rows if line[0].text == optimizer)
    return {heading: table.cell_text(cell) for heading, cell in zip(shown.columns, line)}


def finals(values, optimizer="adam", **changes):
    return [row([0.1, value], optimizer, seed=seed, **changes) for seed, value in enumerate(values)]


def test_accuracies_are_percentages_and_their_differences_points():
    rows = finals([0.99, 0.97], task="digits") + finals([0.98, 0.9712], "sgd", task="digits")
    found = cells(made(ACCURACY, rows=rows), "sgd")
    assert found["test"] == "97.56 % (97.12 to 98.00)"
    assert found["against adam"] == "−0.44 (−1.00 to +0.12)"
    assert found["better in"] == "1/2"
    assert cells(made(ACCURACY, rows=rows), "adam")["against adam"] == "–"
    assert "accuracy, higher is better (share of examples told right)" in made(ACCURACY, rows=rows).caption


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([114.8123, 114.2321], "114.52 (114.23 to 114.81)"),
        ([1234.0, 1100.0], "1,167 (1,100 to 1,234)"),
        ([3e-12, 1e-12], "2.000e−12 (1.000e−12 to 3.000e−12)"),
        ([1e30, 3e30], "2.000e+30 (1.000e+30 to 3.000e+30)"),
        ([0.51224, 0.51236], "0.512300 (0.512240 to 0.512360)"),
        ([120.0, 120.00001], "120.000 (120.000 to 120.000)"),
        ([0.5], "0.5000"),
        ([0.0, 0.0], "0 (0 to 0)"),
        ([-1.25, -1.75], "−1.50 (−1.75 to −1.25)"),
    ],
)
def test_losses_have_the_digits_their_interval_knows(values, expected):
    assert cells(made(LOSS, ["adam"], finals(values)), "adam")["test"] == expected


def test_losses_that_differ_by_orders_of_magnitude_have_four_digits():
    rows = finals([0.25, 0.35]) + finals([2e-5, 4e-5], "sgd")
    assert cells(made(LOSS, rows=rows), "adam")["test"] == "0.3000 (0.2500 to 0.3500)"
    assert cells(made(LOSS, rows=rows), "sgd")["test"] == "3.000e−05 (2.000e−05 to 4.000e−05)"


def test_what_rounds_to_nothing_has_no_sign():
    rows = finals([0.25, 0.35, 0.3]) + finals([0.25002, 0.34999, 0.29998], "sgd")
    assert cells(made(LOSS, rows=rows), "sgd")["against adam"] == "0.000 (0.000 to 0.000)"
    more = finals([0.5, 0.7], task="digits") + finals([0.50001, 0.69998], "sgd", task="digits")
    assert cells(made(ACCURACY, rows=more), "sgd")["against adam"] == "0.00 (0.00 to 0.00)"


def test_a_row_says_what_was_tuned_what_it_costs_and_what_diverged():
    rows = [row([1.0, 0.5], rate=rate, seed=s, phase="tuning") for rate in RATES[:2] for s in range(2)]
    rows[0] = {**rows[0], "diverged": True}
    rows += [row([1.0, 0.9, 0.2], rate=0.01, seed=s, seconds=0.003, test=0.25) for s in (2, 3, 4)]
    rows[-1] = {**rows[-1], "valid": [1.0, 0.9, None]}
    found = cells(made(ERROR, ["adam"], rows, defaults={"adam": 0.001}), "adam")
    assert found["best rate"] == "0.01 (end of grid)"
    assert found["default rate"] == "0.75 (0.001; 2 seeds)"
    # 0.95 of the way from 1 to (0.2 + 0.2 + 1) / 3 is 0.49: two of three reach it, after 20 updates of 150 us.
    assert (found["steps"], found["time"], found["µs a step"]) == ("20 (2/3)", "3 ms", "150")
    assert (found["state"], found["diverged"]) == ("74.2 KiB", "1/3 (tuning 1/4)")
    assert found["validation"] == "0.47"


def test_the_default_rate_says_how_sure_it_is():
    rows = [row([1.0, end], rate=0.1, seed=s, phase="tuning") for s, end in enumerate((0.2, 0.3, 0.4))]
    shown = made(ERROR, ["adam"], [*rows, *finals([0.02, 0.04])], defaults={"adam": 0.1})
    assert cells(shown, "adam")["default rate"] == "0.300 (0.1; 0.200 to 0.400)"
    alone = made(ERROR, ["adam"], rows[:1], defaults={"adam": 0.1})
    assert cells(alone, "adam")["default rate"] == "0.2000 (0.1; 1 seed)"
    never = [{**one, "valid": [None, None]} for one in rows]
    assert cells(made(ERROR, ["adam"], never, defaults={"adam": 0.1}), "adam")["default rate"] == "– (0.1)"


def test_the_caption_counts_the_seeds():
    def caption(*counts):
        names = [f"o{n}" for n, _ in enumerate(counts)]
        return made(ERROR, names, [r for name, n in zip(names, counts) for r in finals([0.05] * n, name)]).caption

    assert "means of 3 seeds with bootstrap 95 % intervals" in caption(3, 3, 0)
    assert "means of 2 to 3 seeds with" in caption(3, 2)
    assert "means of 1 seed with" in caption(1)
    assert "means of 0 seeds with" in caption(0)


def test_what_is_not_known_is_a_dash():
    found = cells(made(ERROR, ["adam"], []), "adam")
    assert {name for name, text in found.items() if text == "–"} == set(found) - {"optimiser"}
    lost = cells(made(ERROR, ["adam"], finals([None, None])), "adam")
    assert (lost["steps"], lost["time"], lost["diverged"], lost["test"]) == (
        "– (0/2)",
        "–",
        "2/2",
        "0.1000 (0.1000 to 0.1000)",
    )
    assert "target –" in made(ERROR, ["adam"], []).caption


def test_the_best_of_a_column_is_strong_unless_all_are_equal():
    def strong(task, values):
        rows = [r for name, value in values.items() for r in finals([value], name, task=task.name)]
        shown = made(task, [*values], rows)
        column = shown.columns.index("test")
        return [line[0].text for line in shown.rows if line[column].strong]

    assert strong(ACCURACY, {"adam": 0.5, "sgd": 0.7}) == ["sgd"]
    assert strong(ERROR, {"adam": 0.05, "sgd": 0.07, "lion": math.nan}) == ["adam"]
    assert strong(ERROR, {"adam": 0.05, "sgd": 0.05}) == []


def test_text_is_aligned_and_markdown_bold():
    shown = table.without(made(ACCURACY))
    assert set(shown.columns).isdisjoint(table.ASIDE)
    caption, *lines = table.as_text(shown).splitlines()
    assert caption == shown.caption
    assert len(lines) == 3
    assert len({line.index("/5") for line in lines[1:] if "/5" in line[:90]}) <= 1
    assert all(line == line.rstrip() for line in lines)
    ends = [line.index(" %") for line in lines[1:]]
    assert ends[0] == ends[1]
    head, rule, *rows = table.as_markdown(shown._replace(columns=["a|b", *shown.columns[1:]])).splitlines()
    assert head.startswith("| a\\|b | best rate | test |")
    assert rule.count("---:") == len(shown.columns) - 1
    assert sum("**" in line for line in rows) >= 1
    assert "| **" in rows[0] + rows[1]


def test_sizes_and_times_for_the_eye():
    sizes = (0, 512, 76_000, 1536 * 1024, 5 * 2**30, math.nan)
    assert [table.bytes_text(size) for size in sizes] == ["0 B", "512 B", "74.2 KiB", "1.5 MiB", "5 GiB", "–"]
    times = (0.00042, 0.035, 2.14, 185, math.inf, math.nan)
    assert [table.time_text(seconds) for seconds in times] == ["0.42 ms", "35 ms", "2.1 s", "3 min 5 s", "–", "–"]
