"""What a sequence autoencoder writes of what it has read, how errors grow with length, and which codes are near.

N    test sequences
L    elements of the longest one
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data.text import lines, vocabulary
from jaxgen.figures.latents import below_each, evenly, grid, vmapped
from jaxgen.figures.probes import neighbours
from jaxgen.figures.sketched import SIDE, pictures
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.pictures import still
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.sequence_reader import Columns, Sequences

SHOWN, QUERIES, NEAR = 20, 10, 5
MOST = 2000  # test sequences that are encoded
SHARES = (0.5, 0.625, 0.75, 0.875, 1.0)  # of the longest length, of lines that are measured
LINES = 500  # of each length


def columns(part: Columns, chosen: Any) -> dict[str, np.ndarray]:
    """Sequences of those numbers, as `infer` has them."""
    return {"x": part.x[chosen], "length": part.length[chosen]}


def spread(part: Columns, count: int) -> np.ndarray:
    """At most so many numbers of sequences, evenly over the split."""
    return evenly(len(part.length), count)


def again(technique: Technique, state: State, given: Any) -> dict[str, np.ndarray]:
    """The reconstruction of each."""
    return jax.tree.map(np.asarray, vmapped(technique, "reconstruct")(state, jax.random.key(0), given))


def nearest(codes: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Of each query, a number of a code, the numbers of the `count` nearest other ones, by Euclidean distance."""
    near = neighbours(codes[queries], codes, count + 1)
    return np.stack([row[row != query][:count] for row, query in zip(near, queries)])


def same_class(codes: np.ndarray, label: np.ndarray) -> float:
    """The share of sequences whose nearest other code is one of the same class."""
    every = np.arange(len(codes))
    return float((label[nearest(codes, every, 1)[:, 0]] == label).mean())


def characters_right(made: dict[str, np.ndarray], x: np.ndarray) -> float:
    """The share of the characters of lines x [N, n], all of one length, that stand where they should."""
    length = x.shape[1]
    inside = np.arange(length)[None] < made["length"][:, None]
    return float(((made["x"][:, :length] == x) & inside).mean())


def by_length(technique: Technique, state: State, every: Sequences) -> Table:
    """How many characters of test lines are right, of several lengths up to the longest."""
    longest, rows = every.flags.longest, []
    for length in sorted({max(1, round(share * longest)) for share in SHARES}):
        x = lines.successive(every.source.test, length)  # type: ignore[arg-type]
        x = x[evenly(len(x), LINES)]
        filled = np.pad(x, ((0, 0), (0, longest - length)))
        given = {"x": filled, "length": np.full(len(x), length, np.int32)}
        made = again(technique, state, given)
        whole = (made["length"] == length) & (made["x"][:, :length] == x).all(1)
        rows.append([str(length), f"{characters_right(made, x):.2%}", f"{whole.mean():.1%}", f"{len(x):,}"])
    caption = "Test lines of several lengths: characters that stand in their places in the reconstruction"
    heads = ["characters of a line", "right", "lines without an error", "lines"]
    return Table(caption, heads, [[Cell(text) for text in row] for row in rows])


def texts(tokens: np.ndarray, length: np.ndarray, words: tuple[str, ...]) -> list[str]:
    """Lines [N, L] as text, ends of lines shown."""
    return [vocabulary.decode(row[:n], words).replace("\n", "\N{RETURN SYMBOL}") for row, n in zip(tokens, length)]


def show_lines(technique: Technique, state: State, every: Sequences, codes: np.ndarray) -> Iterator[Table]:
    """Lines with what was written of them, errors by length, neighbours."""
    yield by_length(technique, state, every)
    words, given = every.source.vocabulary, columns(every.test, spread(every.test, SHOWN))  # type: ignore[union-attr]
    made = again(technique, state, given)
    pairs = zip(texts(given["x"], given["length"], words), texts(made["x"], made["length"], words))
    rows = [[Cell(str(n)), Cell(line), Cell(copy, strong=copy != line)] for n, (line, copy) in enumerate(pairs, 1)]
    caption = "Test lines and what was written of them; what differs is bold"
    yield Table(caption, ["", "read", "written"], rows, prose=True)
    encoded, queries = columns(every.test, spread(every.test, MOST)), evenly(len(codes), QUERIES)
    near, found = texts(encoded["x"], encoded["length"], words), nearest(codes, queries, 3)
    numbers = np.concatenate([queries[:, None], found], 1)
    rows = [[Cell(str(n)), *(Cell(near[number]) for number in row)] for n, row in enumerate(numbers, 1)]
    heads = ["", "line", "nearest", "second", "third"]
    yield Table("Test lines, and those whose codes are nearest", heads, rows, prose=True)


def images(every: Sequences, given: dict[str, np.ndarray]) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Sequences as flat images [N, D] in [0, 1] and their shape."""
    if every.flags.sequences == "movements":
        return pictures({"strokes": given["x"], "length": given["length"]}), (SIDE, SIDE, 1)
    flat = np.asarray(given["x"], np.float32).reshape(len(given["x"]), -1)
    return flat / 255 if given["x"].dtype == np.uint8 else flat, every.source.shape  # type: ignore[union-attr]


def show_images(technique: Technique, state: State, every: Sequences, codes: np.ndarray) -> Iterator[Figure | Table]:
    """Sequences with reconstructions, and neighbours, as pictures."""
    given = columns(every.test, spread(every.test, 2 * SHOWN))
    seen, shape = images(every, given)
    made, _ = images(every, again(technique, state, given))
    both = grid(below_each(SHOWN, seen, made), shape, min(SHOWN, len(seen)))
    yield still("reconstructions", "Test sequences and, below each, what was written of it", both)
    numbers, queries = spread(every.test, MOST), evenly(len(codes), QUERIES)
    rows = np.concatenate([queries[:, None], nearest(codes, queries, NEAR)], 1)
    near, _ = images(every, columns(every.test, numbers[rows.reshape(-1)]))
    caption = "Test sequences, on the left of each row, and those whose codes are nearest"
    yield still("neighbours", caption, grid(near, shape, rows.shape[1]))
    if len(np.unique(every.label)) > 1:
        share, classes = same_class(codes, every.label[numbers]), len(np.unique(every.label))
        caption = f"Of {len(numbers):,} test sequences of {classes} classes, by Euclidean distance of codes"
        yield Table(caption, ["", "share"], [[Cell("nearest code is one of the same class"), Cell(f"{share:.1%}")]])


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Reconstructions and neighbours by codes, as texts or as pictures; of lines, errors by length."""
    technique, state, every = result.stage.technique, result.state, setting.data.examples
    codes = np.asarray(
        vmapped(technique, "encode")(state, jax.random.key(0), columns(every.test, spread(every.test, MOST)))
    )
    yield from (show_lines if every.flags.sequences == "lines" else show_images)(technique, state, every, codes)
