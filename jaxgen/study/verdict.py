"""A study's results in sentences, and definitions of its numbers."""

import math
from collections.abc import Sequence

from jaxgen.study.comparisons import judged_values, profile
from jaxgen.study.intervals import FEWEST, LEVEL, MANY, RESAMPLES, Interval, told_apart
from jaxgen.study.panels import TaskPanel
from jaxgen.study.records import Record, Study, at_edge, solved
from jaxgen.study.statistics import lost, split_name
from jaxgen.study.table import between, digits, number_format, percent, signed

INTERVAL = f"{100 * LEVEL:.0f} % interval"


def task_paragraph(panel: TaskPanel, study: Study) -> str:
    """A paragraph on one task: the best optimiser, how sure that is, the fastest ones, and cautions."""
    task, text = panel[0].task, number_format(panel)
    if not any(record.finals for record in panel):
        return f"{task.name}: there are no final runs yet."
    able = [record for record in panel if math.isfinite(record.standing)]
    best = min(able, key=lambda record: task.sign * record.standing, default=None)
    if best is None or not task.sign * (best.untrained - best.standing) > 0:
        return f"{task.name}: no optimiser ends better than the untrained network. {cautions(panel)}".strip()
    rate = f" at learning rate {best.chosen.rate:g}" if best.chosen else ""
    same = ", the one that chose it: there is no test split" if task.judged == "valid" else ""
    sentences = [
        f"{task.name}: {best.optimizer}{rate} is best on the validation split{same}; its {split_name(task)} "
        f"{task.metric} is {text(best.judged.mean)}{sure(best, text)}."
    ]
    base = next((record for record in panel if record.optimizer == study.baseline), None)
    if base is not None and base is not best and best.paired.seeds:
        sentences.append(against(best, study.baseline, text))
    sentences += told(best, panel)
    return " ".join([*sentences, *fastest(panel, text), cautions(panel)]).strip()


def sure(record: Record, text) -> str:
    """What the value is of how many seeds, and its ends, in brackets."""
    runs, ends = len(record.finals), ends_text(record.judged, text)
    middle = "median" if record.judged.kind == "median" else "mean"
    return f" ({ends}{middle} of {runs} seeds)" if runs > 1 else " (one seed)"


def ends_text(ends: Interval, text) -> str:
    """The ends as text with a comma after them, "" for none: a range is called one, an interval 95 %."""
    shown = between(ends, text)
    return f"{shown if ends.kind == 'range' else f'{INTERVAL} {shown}'}, " if shown else ""


def against(record: Record, baseline: str, text) -> str:
    """A sentence on the difference from the baseline."""
    difference, better, seeds = record.paired
    points = " points" if percent(record.task) else ""
    size = signed(text)(difference.mean) + points + " in the median" * (difference.kind == "median")
    ends = ends_text(difference, signed(text))
    return f"Against {baseline} that is {size} ({ends}better in {better} of {seeds} seeds)."


def told(best: Record, panel: TaskPanel) -> list[str]:
    """Sentences on which optimisers the best can be told from, on the split that judges."""
    others = [record for record in panel if record is not best and record.finals]
    if len(best.finals) < FEWEST:
        seeds = "One seed says" if len(best.finals) == 1 else f"{len(best.finals)} seeds say"
        return [f"{seeds} nothing about chance: optimisers are told apart from {FEWEST} on."] if others else []
    values = judged_values(best.task, [record.finals for record in [best, *others]])
    signs = best.task.sign * told_apart(values)[0, 1:]
    names = {sign: [other.optimizer for other, each in zip(others, signs) if each == sign] for sign in (-1, 0, 1)}
    sentences = [
        (-1, "Beyond chance, seed by seed, it is better than {}."),
        (1, f"On the {split_name(best.task)} split {{}} is better than it beyond chance, seed by seed."),
        (0, "Seed by seed it cannot be told from {}."),
    ]
    return [sentence.format(enumerated(names[sign])) for sign, sentence in sentences if names[sign]]


def fastest(panel: TaskPanel, text) -> list[str]:
    """A sentence on who reaches the target first, as far as the evaluations tell; none where nobody does."""
    solvers = [record for record in panel if math.isfinite(record.steps)]
    if not solvers:
        return []
    least = min(solvers, key=lambda record: record.steps)
    nearly = [record for record in solvers if record.steps <= least.steps + least.resolution]
    most = max(record.steps for record in nearly)
    after = digits(least.steps, 6) + (f" to {digits(most, 6)}" if most > least.steps else "")
    return [
        f"The target, {text(least.target)}, is reached first by {enumerated([record.optimizer for record in nearly])}, "
        f"after {after} updates, looked for every {digits(least.resolution, 6)}."
    ]


def cautions(panel: TaskPanel) -> str:
    """Sentences on best rates at an end of the grid and on final runs that diverged; "" for none."""
    sentences = []
    if ends := [record.optimizer for record in panel if at_edge(record)]:
        sentences.append(f"The best rate of {enumerated(ends)} is at an end of the grid: a better one may lie beyond.")
    gone = [(record.optimizer, sum(map(lost, record.finals)), len(record.finals)) for record in panel]
    if some := [f"{name} in {count} of {runs}" for name, count, runs in gone if count]:
        sentences.append(f"Final runs diverged: {enumerated(some)}.")
    return " ".join(sentences)


def overall_paragraph(panels: Sequence[TaskPanel]) -> str:
    """A paragraph on all tasks, as the performance profile shows them; "" where nothing is solved."""
    ratios = solved(panels)
    if not len(ratios) or ratios.shape[1] < 2 or not (ratios == 1.0).any():
        return ""
    names = [record.optimizer for record in panels[0]]
    first, ever = (counts.round().astype(int) for counts in len(ratios) * profile(ratios, [1.0, 1e300]))
    least = [name for name, count in zip(names, first) if count == first.max()]
    need, ties = "need" if len(least) > 1 else "needs", ", ties counted" * bool(first.sum() > len(ratios))
    text = (
        f"Of {len(ratios)} tasks, {enumerated(least)} {need} the fewest updates to the target, in the median over "
        f"seeds, most often: in {first.max()}{ties}."
    )
    missed = [f"{name} ({count})" for name, count in zip(names, ever) if count < len(ratios)]
    return text + (f" Not always there: {enumerated(missed)}." if missed else " All reach it in every task.")


def enumerated(names: Sequence[str]) -> str:
    """The names as text: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def column_notes(study: Study) -> dict[str, str]:
    """Definitions of the words in tables and figures."""
    splits = {split_name(task) for task in study.tasks}
    fixed = ", or what --target says" if study.targets else ""
    meant = {
        "value": "a run's objective at its last evaluation. A run fails if it diverged (a parameter, a carried array "
        "or a metric was not finite), if its last objective is not finite, or if it is worse than the untrained "
        "network's, which is the value of a run that fails: exploding softly is no better than diverging.",
        "best rate": "the learning rate of the best mean value on the validation split over the tuning seeds; of equal "
        "ones that with fewer diverged runs, then the one that is as good as at its end after the fewest updates. A "
        "rate at which most runs diverge is the best only if all are such. At an end of the grid, a better one may lie "
        "beyond, unless all rates score alike.",
        "test, validation" if "test" in splits else "validation": "the objective on that split, of fresh seeds at the "
        "best rate: the mean; where runs failed the median, in which they are the worst, a dash if half of them did. "
        "No other value stands in for them.",
        "the best optimiser": "that of the best mean value of these runs on the validation split, unless most of them "
        "diverged.",
        INTERVAL: f"of a mean over seeds. Of fewer than {FEWEST} seeds the range is shown, which is no interval. From "
        f"{FEWEST} on, Student's t; from {MANY} on, BCa bootstrap with expanded percentiles ({RESAMPLES:,} resamples). "
        "Both cover the mean of normal values in 93 to 97 of 100 cases, of very skew (lognormal) ones in 82 to 90.",
        "beyond chance": "paired tests of two optimisers, seed by seed: Student's t, or the sign test where a run "
        f"failed. Holm's correction over all pairs of a task, at {100 - 100 * LEVEL:.0f} %: of six identical "
        f"optimisers any are told apart in at most 6 of 100 studies. Of fewer than {FEWEST} seeds nothing is claimed.",
        f"against {study.baseline}": "mean difference of these values seed by seed, both at their best rates: a "
        "seed is the same first parameters and batches for all optimisers. The median where a run failed. Of "
        "accuracies in percentage points. Its interval is not corrected for the number of rivals.",
        "better in": "seeds in which this value is strictly better than the baseline's.",
        "best": "mean of the best validation of each of these runs, and the median of the updates it was seen at: "
        "better than the last one where training overfits or wanders.",
        "default rate": "mean value in tuning at the optimiser's default learning rate, where that is on the grid; in "
        "brackets the rate, and the ends or the number of seeds. Where runs diverged the median and their share.",
        "steps, time": f"updates, and seconds of training, to the target: {100 * study.share:g} % of the way from the "
        f"untrained networks' mean objective to the best optimiser's mean value, on the validation split{fixed}. "
        "Median over seeds of the first evaluation that reaches it, and how many do; a dash unless more than half do. "
        "Steps are known to the updates between two evaluations: what differs by no more is not told apart. A run that "
        "diverges later does not reach it. Times are the run's shares, as those of a step.",
        "µs a step": "training time of one update, median over seeds: the run's share of what the runs beside it took, "
        "without compilation and validations.",
        "training, runs' shares": "the sum of such shares over all runs that count; the time with all included has "
        "compilation, validations and runs that do not count, too.",
        "state": "bytes of the optimiser's state of one run.",
        "diverged": "final runs, and tuning runs over the whole grid.",
        "performance profile": "the share of tasks in which an optimiser reaches the target, in the median over seeds, "
        "within so many times the fewest updates that any of them needs (Dolan and Moré 2002); as many as the fewest "
        "are those that an evaluation more would be.",
    }
    surfaces = {"seed": "seeds of a surface differ in the start; its intervals are over starts."}
    return meant | (surfaces if any(task.metric == "excess" for task in study.tasks) else {})
