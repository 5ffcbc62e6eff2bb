"""A study's results in sentences, and definitions of its numbers."""

import math
from collections.abc import Sequence

from jaxgen.study.comparisons import compare_paired, profile
from jaxgen.study.panels import TaskPanel
from jaxgen.study.records import Record, Study, at_edge, solved
from jaxgen.study.statistics import RESAMPLES, Interval, lost
from jaxgen.study.table import between, digits, number_format, percent, signed

INTERVAL = "bootstrap 95 % interval"


def task_paragraph(panel: TaskPanel, study: Study) -> str:
    """A paragraph on one task: the best optimiser, how sure that is, the fastest one, and cautions."""
    task, text = panel[0].task, number_format(panel)
    able = [record for record in panel if math.isfinite(record.valid.mean)]
    if not able:
        return f"{task.name}: there are no final runs yet."
    best = min(able, key=lambda record: task.sign * record.valid.mean)
    if not math.isfinite(best.target):
        return f"{task.name}: no optimiser ends better than the untrained network. {cautions(panel)}".strip()
    rate = f" at learning rate {best.chosen.rate:g}" if best.chosen else ""
    sentences = [
        f"{task.name}: {best.optimizer}{rate} is best on the validation split; its test {task.metric} is "
        f"{text(best.test.mean)}{sure(best, text)}."
    ]
    base = next((record for record in panel if record.optimizer == study.baseline), None)
    if base is not None and base is not best and best.paired.seeds:
        sentences.append(against(best, study.baseline, text))
    sentences += [beaten(best, rival, text) for rival in able if beats(rival, best)]
    if rivals := [r.optimizer for r in able if r is not best and undecided(best, r)]:
        sentences.append(f"Seed by seed it cannot be told from {enumerated(rivals)}.")
    if len(best.finals) == 1:
        sentences.append("One seed says nothing about chance.")
    solvers = [record for record in panel if math.isfinite(record.steps)]
    if solvers:
        least = min(record.steps for record in solvers)
        fastest = [record.optimizer for record in solvers if record.steps == least]
        sentences.append(
            f"The target, {text(best.target)}, is reached first by {enumerated(fastest)}, "
            f"after {digits(least, 6)} updates."
        )
    return " ".join([*sentences, cautions(panel)]).strip()


def sure(record: Record, text) -> str:
    """The interval of the test value and the number of seeds, in brackets."""
    ends = between(record.test, text)
    runs = f"mean of {len(record.finals)} seeds" if len(record.finals) > 1 else "one seed"
    return f" ({f'{INTERVAL} {ends}, ' if ends else ''}{runs})"


def against(record: Record, baseline: str, text) -> str:
    """A sentence on the difference from the baseline."""
    difference, better, seeds = record.paired
    ends = between(difference, signed(text))
    interval = f" ({INTERVAL} {ends})" if ends else ""
    points = " points" if percent(record.task) else ""
    size = signed(text)(difference.mean)
    return f"Against {baseline} that is {size}{points}{interval}, better in {better} of {seeds} seeds."


def undecided(best: Record, other: Record) -> bool:
    """Whether the interval of their difference, seed by seed, contains 0, or there is none, for a single seed."""
    low, high = lead(best, other)[1:]
    return not (low > 0 or high < 0)


def beats(record: Record, other: Record) -> bool:
    """Whether a record is better on the test split, seed by seed, in the whole interval."""
    return lead(record, other).low > 0


def lead(record: Record, other: Record) -> Interval:
    """How much better a record's test values are, seed by seed; negative where they are worse."""
    difference = compare_paired(record.task, record.finals, other.finals).difference
    if record.task.better == "higher":
        return difference
    return Interval(-difference.mean, -difference.high, -difference.low)


def beaten(best: Record, rival: Record, text) -> str:
    """A sentence that the best on the validation split is not the best on the test split."""
    ahead, points = lead(rival, best), " points" if percent(best.task) else ""
    size = text(ahead.mean).removesuffix(" %")
    return f"On the test split {rival.optimizer} is better, by {size}{points} ({INTERVAL} {between(ahead, text)})."


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
    first, ever = profile(ratios, [1.0, 1e300])
    least = [name for name, share in zip(names, first) if share == first.max()]
    need, ties = "need" if len(least) > 1 else "needs", ", ties counted" * bool(first.sum() > 1)
    text = (
        f"Of {len(ratios)} problems, each a task with a seed, {enumerated(least)} {need} the fewest updates to the "
        f"target most often: in {100 * first.max():.0f} %{ties}."
    )
    missed = [f"{name} ({100 * share:.0f} %)" for name, share in zip(names, ever) if share < 1]
    return text + (f" Not always there: {enumerated(missed)}." if missed else " All reach it every time.")


def enumerated(names: Sequence[str]) -> str:
    """The names as text: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def column_notes(study: Study) -> dict[str, str]:
    """Definitions of the words in tables and figures."""
    meant = {
        "value": "a run's objective at its last evaluation. A run that diverged (a parameter, a carried array or a "
        "metric was not finite), or whose last objective is not finite, counts as its untrained network: counted, not "
        "dropped. A run that stays finite counts with what it ended at, however bad.",
        "best rate": "the learning rate of the best mean value on the validation split over the tuning seeds; of equal "
        "ones that with fewer diverged runs, then the smaller. At an end of the grid, a better one may lie beyond, "
        "unless all rates score alike.",
        "test": "mean over fresh seeds, at the best rate, of the objective on the test split.",
        INTERVAL: f"of a mean over seeds, by percentiles of the bootstrap ({RESAMPLES:,} resamples). Of few "
        "seeds it is too narrow: of 5 normal values it covers the true mean in 84 of 100 cases, of 10 in 90. "
        "Comparisons with several rivals are not corrected for their number.",
        f"against {study.baseline}": "mean difference of the test values seed by seed, both at their best rates: a "
        "seed is the same first parameters and batches for all optimisers. Of accuracies in percentage points.",
        "better in": "seeds in which the test value is strictly better than the baseline's.",
        "validation": "mean value of the same runs on the validation split, by which the best optimiser is named.",
        "best": "mean of the best validation of each of these runs, and the median of the updates it was seen at: "
        "better than the last one where training overfits or wanders.",
        "default rate": "mean value in tuning at the optimiser's default learning rate, where that is on the grid; in "
        "brackets the rate, and the bootstrap 95 % interval or, of fewer than 3, the number of tuning seeds.",
        "steps, time": f"updates, and seconds of training, to the target: {100 * study.share:g} % of the way from the "
        "untrained networks' mean objective to the best optimiser's mean value, on the validation split. Median over "
        "seeds of the first evaluation that reaches it, and how many do; a dash unless more than half do. A run that "
        "diverges later does not reach it. Times are the run's shares, as those of a step.",
        "µs a step": "training time of one update, median over seeds: the run's share of what the runs beside it took, "
        "without compilation and validations.",
        "training, runs' shares": "the sum of such shares over all runs that count; the time with all included has "
        "compilation, validations and runs that do not count, too.",
        "state": "bytes of the optimiser's state of one run.",
        "diverged": "final runs, and tuning runs over the whole grid.",
        "performance profile": "the share of problems (a task with a seed) in which an optimiser reaches the target "
        "within so many times the fewest updates that any of them needs (Dolan and Moré 2002).",
    }
    surfaces = {"seed": "seeds of a surface differ in the start; its intervals are over starts."}
    return meant | (surfaces if any(task.metric == "excess" for task in study.tasks) else {})
