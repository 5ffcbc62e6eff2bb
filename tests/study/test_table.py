import math

import pytest
from study_rows import ACCURACY, ERROR, row, study

from jaxgen.report.items import Cell, Table
from jaxgen.study import latex, records, table
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
    start = 0.1 if changes.get("task") == "digits" else 9e35
    return [row([start, value], optimizer, seed=seed, **changes) for seed, value in enumerate(values)]


def test_accuracies_are_percentages_and_their_differences_points():
    rows = finals([0.99, 0.97], task="digits") + finals([0.98, 0.9712], "sgd", task="digits")
    found = cells(made(ACCURACY, rows=rows), "sgd")
    assert found["test"] == "97.56 % (range 97.12 to 98.00)"
    assert found["against adam"] == "−0.44 (range −1.00 to +0.12)"
    assert found["better in"] == "1/2"
    assert cells(made(ACCURACY, rows=rows), "adam")["against adam"] == "–"
    assert "accuracy, higher is better (share of examples told right)" in made(ACCURACY, rows=rows).caption


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([114.8123, 114.2321], "114.52 (range 114.23 to 114.81)"),
        ([1234.0, 1100.0], "1,167 (range 1,100 to 1,234)"),
        ([3e-12, 1e-12], "2.000e−12 (range 1.000e−12 to 3.000e−12)"),
        ([1e30, 3e30], "2.000e+30 (range 1.000e+30 to 3.000e+30)"),
        ([0.51224, 0.51236], "0.512300 (range 0.512240 to 0.512360)"),
        ([120.0, 120.00001], "120.000 (range 120.000 to 120.000)"),
        ([0.5], "0.5000"),
        ([0.0, 0.0], "0 (range 0 to 0)"),
        ([-1.25, -1.75], "−1.50 (range −1.75 to −1.25)"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], "3.0 (1.0 to 5.0)"),  # Student's t
        ([1.0, 2.0, None], "2 (median)"),
        ([1.0, None], "– (median)"),
    ],
)
def test_losses_have_the_digits_their_interval_knows(values, expected):
    assert cells(made(LOSS, ["adam"], finals(values)), "adam")["test"] == expected


def test_losses_that_differ_by_orders_of_magnitude_have_four_digits():
    rows = finals([0.25, 0.35]) + finals([2e-5, 4e-5], "sgd")
    assert cells(made(LOSS, rows=rows), "adam")["test"] == "0.3000 (range 0.2500 to 0.3500)"
    assert cells(made(LOSS, rows=rows), "sgd")["test"] == "3.000e−05 (range 2.000e−05 to 4.000e−05)"


def test_what_rounds_to_nothing_has_no_sign():
    rows = finals([0.25, 0.35, 0.3]) + finals([0.25002, 0.34999, 0.29998], "sgd")
    assert cells(made(LOSS, rows=rows), "sgd")["against adam"] == "0.000 (range 0.000 to 0.000)"


def test_a_row_says_what_was_tuned_what_it_costs_and_what_diverged():
    rows = [row([1.0, 0.5], rate=rate, seed=s, phase="tuning") for rate in RATES[:2] for s in range(2)]
    rows[0] = {**rows[0], "diverged": True}
    rows += [row([1.0, 0.9, 0.2], rate=0.01, seed=s, seconds=0.003, test=0.25) for s in (2, 3, 4)]
    rows[-1] = {**rows[-1], "valid": [1.0, 0.9, None]}
    shown = made(ERROR, ["adam"], rows, defaults={"adam": 0.001})
    found = cells(shown, "adam")
    assert found["best rate"] == "0.01 (end of grid)"
    assert found["default rate"] == "– (0.001; median, 50 % diverged)"
    # 0.95 of the way from 1 to (0.2 + 0.2 + 1) / 3 is 0.49: two of three reach it, after 20 updates of 150 us.
    assert (found["steps"], found["time"], found["µs a step"]) == ("20 (2/3)", "3 ms", "150")
    assert (found["state"], found["diverged"]) == ("74.2 KiB", "1/3 (tuning 1/4)")
    assert (found["test"], found["validation"]) == ("0.2500 (median)", "0.2000")
    assert "means of 3 seeds, medians where runs failed; target 0.4933, looked for every 10 updates" in shown.caption


def test_the_default_rate_says_how_sure_it_is():
    rows = [row([1.0, end], rate=0.1, seed=s, phase="tuning") for s, end in enumerate((0.2, 0.3, 0.4))]
    shown = made(ERROR, ["adam"], [*rows, *finals([0.02, 0.04])], defaults={"adam": 0.1})
    assert cells(shown, "adam")["default rate"] == "0.300 (0.1; range 0.200 to 0.400)"
    alone = made(ERROR, ["adam"], rows[:1], defaults={"adam": 0.1})
    assert cells(alone, "adam")["default rate"] == "0.2000 (0.1; 1 seed)"
    never = [{**one, "valid": [None, None]} for one in rows]
    assert cells(made(ERROR, ["adam"], never, defaults={"adam": 0.1}), "adam")["default rate"].startswith(
        "– (0.1; median"
    )


def test_the_caption_counts_the_seeds_and_says_what_stands_beside_means():
    def caption(*counts):
        names = [f"o{n}" for n, _ in enumerate(counts)]
        return made(ERROR, names, [r for name, n in zip(names, counts) for r in finals([0.05] * n, name)]).caption

    assert "means of 3 seeds with their ranges; target" in caption(3, 3, 0)
    assert "means of 4 to 20 seeds with 95 % intervals (BCa bootstrap) or their ranges; target" in caption(20, 4)
    assert "means of 1 seed without an interval; target" in caption(1)
    assert "means of 5 seeds with 95 % intervals (Student's t); target" in caption(5)


def test_what_is_not_known_is_a_dash():
    found = cells(made(ERROR, ["adam"], []), "adam")
    assert {name for name, text in found.items() if text == "–"} == set(found) - {"optimiser"}
    lost = cells(made(ERROR, ["adam"], finals([None, None])), "adam")
    assert [lost[name] for name in ("steps", "time", "diverged", "test")] == ["– (0/2)", "–", "2/2", "– (median)"]
    assert made(ERROR, ["adam"], []).caption.endswith("target –")


def test_the_best_of_a_column_is_strong_unless_all_are_equal():
    def strong(task, values):
        rows = [r for name, each in values.items() for r in finals(each, name, task=task.name)]
        shown = made(task, [*values], rows)
        column = shown.columns.index("test")
        return [line[0].text for line in shown.rows if line[column].strong]

    assert strong(ACCURACY, {"adam": [0.5], "sgd": [0.7]}) == ["sgd"]
    assert strong(ERROR, {"adam": [0.05], "sgd": [0.07], "lion": [math.nan]}) == ["adam"]
    assert strong(ERROR, {"adam": [0.05], "sgd": [0.05]}) == []
    assert strong(ERROR, {"adam": [0.05] * 3, "sgd": [0.01, 0.01, None]}) == ["adam"]  # a median is no rival of means


def test_a_table_is_aligned_text_and_latex():
    shown = made(ACCURACY)
    caption, *lines = table.as_text(shown).splitlines()
    assert caption == shown.caption
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)
    assert len({line.index(" %") for line in lines[1:]}) == 1
    text = latex.as_latex(Table("50 % of a_b", ["x", "µs"], [[Cell("#1"), Cell("−2", "3\\", strong=True)]]))
    assert text.splitlines()[2:] == [
        r"\caption{50 \% of a\_b}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"x & $\mu$s \\",
        r"\midrule",
        r"\#1 & \textbf{$-$2} {\footnotesize (3\textbackslash{})} \\",
        *(r"\bottomrule", r"\end{tabular}", r"\end{table}"),
    ]


def test_sizes_and_times_for_the_eye():
    sizes = (0, 512, 76_000, 1536 * 1024, 5 * 2**30, math.nan)
    assert [table.bytes_text(size) for size in sizes] == ["0 B", "512 B", "74.2 KiB", "1.5 MiB", "5 GiB", "–"]
    times = (0.00042, 0.035, 2.14, 185, math.inf, math.nan)
    assert [table.time_text(seconds) for seconds in times] == ["0.42 ms", "35 ms", "2.1 s", "3 min 5 s", "–", "–"]
