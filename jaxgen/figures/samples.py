"""What a report shows of samples of text: how varied they are, how many of their words are real, and how they grew.

Samples are rows {"step", "temperature", "prompt", "text"}.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgen.report.items import Cell, Table

Texts = str | Sequence[str]  # one sample or several
Sample = Mapping[str, Any]

TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # a word or a punctuation mark
WORD = re.compile(r"[^\W\d_]+")  # a run of letters
REPEATED = 4  # words of a sequence that counts as repeated
NOTES = {
    "entropy": "of the distribution of the next token at that temperature, bits, mean over pieces of held-out text",
    "distinct-1, distinct-2": "distinct words, or pairs of neighbouring words, among all of them in all samples of a "
    "temperature; punctuation marks count as words (Li et al. 2016); longer samples have less",
    "repeated": f"of the sequences of {REPEATED} words in a sample, those that have stood in it before, mean over "
    "samples (seq-rep of Welleck et al. 2020)",
    "real words": "runs of letters that stand in the training text, whatever their case; without those at a sample's "
    "ends, which may be cut",
}


class Statistics(NamedTuple):
    """Of the samples of one temperature. Shares are of 1; NaN where there is nothing to count."""

    temperature: float
    entropy: float  # bits
    distinct_1: float
    distinct_2: float
    repeated: float
    real: float


def grams(texts: Texts, n: int, level: Literal["char", "word"] = "word") -> list[list[tuple[str, ...]]]:
    """Of each text its sequences of n tokens."""
    texts = [texts] if isinstance(texts, str) else texts
    tokens = [TOKEN.findall(text) if level == "word" else text for text in texts]
    return [list(zip(*(itertools.islice(each, first, None) for first in range(n)))) for each in tokens]


def distinct_n(texts: Texts, n: int, level: Literal["char", "word"] = "word") -> float:
    """Distinct sequences of n tokens / all of them, in all texts together; NaN where there is none.

    distinct-n of Li et al. 2016, A Diversity-Promoting Objective Function for Neural Conversation Models,
    https://arxiv.org/abs/1510.03055.
    """
    sequences = list(itertools.chain.from_iterable(grams(texts, n, level)))
    return len(set(sequences)) / len(sequences) if sequences else math.nan


def repeated(texts: Texts, n: int = REPEATED, level: Literal["char", "word"] = "word") -> float:
    """1 - distinct sequences of n tokens / all of them, mean over the texts that have any; NaN where none has.

    seq-rep-n of Welleck et al. 2020, Neural Text Generation with Unlikelihood Training,
    https://arxiv.org/abs/1908.04319.
    """
    shares = [1.0 - len(set(sequences)) / len(sequences) for sequences in grams(texts, n, level) if sequences]
    return float(np.mean(shares)) if shares else math.nan


def words(text: str) -> set[str]:
    """Of a training text, for `real_words`: its runs of letters, without their case."""
    return set(WORD.findall(text.casefold()))


def real_words(texts: Texts, real: set[str]) -> float:
    """The share of runs of letters that are `real`; those that touch a text's ends do not count. NaN where none does.

    Args:
        texts: the samples.
        real: the words of the training text, see `words`.
    """
    texts = [text.casefold() for text in ([texts] if isinstance(texts, str) else texts)]
    runs = [
        match[0] for text in texts for match in WORD.finditer(text) if match.start() > 0 and match.end() < len(text)
    ]
    return sum(word in real for word in runs) / len(runs) if runs else math.nan


def statistics(temperature: float, entropy: float, texts: Sequence[str], real: set[str]) -> Statistics:
    """Of the samples of one temperature, at which the next token has `entropy` bits; `real` is of `words`."""
    singles, pairs = (distinct_n(texts, n) for n in (1, 2))
    return Statistics(temperature, entropy, singles, pairs, repeated(texts), real_words(texts, real))


def temperature_table(rows: Iterable[Statistics], samples: str = "") -> Table:
    """One row for each temperature; `samples` says of which texts, as in "16 samples of 400 characters"."""
    share = lambda value: "–" if math.isnan(value) else f"{value:.0%}"
    ratio = lambda value: "–" if math.isnan(value) else f"{value:.2f}"
    columns: dict[str, Callable[[Statistics], str]] = {
        "temperature": lambda row: f"{row.temperature:g}",
        "entropy, bits": lambda row: ratio(row.entropy),
        "distinct-1": lambda row: ratio(row.distinct_1),
        "distinct-2": lambda row: ratio(row.distinct_2),
        "repeated": lambda row: share(row.repeated),
        "real words": lambda row: share(row.real),
    }
    caption = "What the temperature does" + (f", in {samples}" if samples else "")
    cells = [[Cell(text(row)) for text in columns.values()] for row in rows]
    return Table(caption, list(columns), cells, notes=NOTES)


def side_by_side(rows: Iterable[Sample], most: int = 5, length: int = 240) -> Table:
    """Samples over training, one row a step and one column a temperature.

    Args:
        rows: samples; of two of the same step and temperature the later counts; other rows are passed over.
        most: steps that are shown, evenly spaced, the first and the last among them.
        length: characters that are shown of each.
    """
    latest = {(row["step"], row["temperature"]): row for row in rows if is_sample(row)}
    steps, temperatures = (sorted(set(parts)) for parts in zip(*latest)) if latest else ([], [])
    if len(steps) > most:
        steps = [steps[n] for n in np.linspace(0, len(steps) - 1, most).round().astype(int)]
    shown = [
        [Cell(f"{step:,}"), *(Cell(cut(latest.get((step, t), {}).get("text", "–"), length)) for t in temperatures)]
        for step in steps
    ]
    columns = ["step", *(f"T = {t:g}" for t in temperatures)]
    prompts = {" ".join(row["prompt"].split()) for row in latest.values()}
    begun = f", as they go on after “{prompts.pop()}”" if len(prompts) == 1 else ""
    return Table(f"Samples at temperatures T over training{begun}", columns, shown, prose=True)


def is_sample(row: Sample) -> bool:
    """Whether a row has what a sample has: a killed run may leave other lines, and still has its report."""
    kinds = {"step": int, "temperature": int | float, "prompt": str, "text": str}
    return all(isinstance(row.get(name), kind) for name, kind in kinds.items())


def cut(text: str, length: int) -> str:
    """The text's first `length` characters, and that there were more."""
    return text if len(text) <= length else f"{text[:length]}…"
