"""What a language model of melodies composes: pieces to see and to hear, statistics and a bigram to compare with.

n    pieces
L    tokens of the longest piece
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Stage
from jaxgen.data.music import note_symbols, rolls
from jaxgen.data.music.melodies import TOKENS
from jaxgen.data.music.midi import Note
from jaxgen.data.music.note_symbols import END, Sung
from jaxgen.figures import bigrams, scores
from jaxgen.ops.generation import padded
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Figure, Still, Table
from jaxgen.report.pictures import still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting
from jaxgen.techniques.text import language
from jaxgen.techniques.text.model import LanguageModel

PIECES = 8
STEPS, STEPS_PER_BEAT = 256, 4  # of pictures, in which a longer piece is cut
BEATS = 300.0  # of what is played and of MIDI files: three minutes at 100 a minute

Composer = Callable[[Any, jax.Array, float], list[list[str]]]  # params, key, temperature -> symbols of n pieces


def composer(model: LanguageModel, count: int, most: int) -> Composer:
    """Composes `count` pieces of at most `most` notes, each up to its end, in one compiled program."""
    vocabulary = model.config.vocabulary
    end = np.array([vocabulary.index(END)])  # a tune begins where another has ended
    window, length = padded(end, model.width(1))
    sample = language.sampler(model, TOKENS * most + 1)
    many = jax.jit(jax.vmap(sample, (None, 0, None, None, None)))

    def composed(params, key, temperature):
        tokens = many(params, jax.random.split(key, count), window, length, jnp.float32(temperature))
        return [until_end([vocabulary[token] for token in each]) for each in np.asarray(tokens).tolist()]

    return composed


def until_end(symbols: Sequence[str]) -> list[str]:
    """The symbols up to the first end, which is kept; all of them where there is none."""
    return list(symbols[: symbols.index(END) + 1 if END in symbols else None])


def within(notes: Sequence[Note], beats: float) -> list[Note]:
    """The notes that begin before so many beats, cut there."""
    return [note._replace(length=min(note.length, beats - note.start)) for note in notes if note.start < beats]


def pictured(notes: Sequence[Note]) -> np.ndarray:
    """A piece as an image of STEPS steps, see `scores.pictured`."""
    # The last note may be moved to the next step.
    roll = rolls.of_notes(within(notes, STEPS / STEPS_PER_BEAT), STEPS_PER_BEAT)[:STEPS]
    return scores.pictured(np.pad(roll, ((0, STEPS - len(roll)), (0, 0))))


def forming(setting: Setting, stages: Sequence[Stage]) -> Any:
    """What a run keeps while it trains: two pieces."""
    del stages
    compose = composer(setting.module.network(setting.config), 2, setting.flags.notes)

    def look(stage, step, state):
        del stage, step
        pieces = compose(state.params, jax.random.key(1), setting.flags.temperature)
        yield Still("pieces", np.concatenate([pictured(notes_of(symbols)) for symbols in pieces]))

    return look


def notes_of(symbols: Sequence[str]) -> list[Note]:
    """The notes of a piece with their starts, in quarter notes; none where it has none."""
    tunes = note_symbols.tunes_of(symbols)
    return note_symbols.timed(tunes[0] if tunes else [])


def statistics(pieces: Sequence[Sequence[str]]) -> dict[str, float]:
    """Of pieces as symbols: what a listener hears first, and how well formed they are."""
    tunes = [tune for piece in pieces for tune in note_symbols.tunes_of(piece)]
    sung = [note for tune in tunes for note in tune]
    pitches = np.array([pitch for pitch, _ in sung if pitch is not None] or [0])
    lengths = np.array([float(length) for pitch, length in sung if pitch is not None] or [0.0])
    moves = np.array([abs(b - a) for tune in tunes for a, b in intervals(tune)] or [0])
    lasting = np.array([float(length) for _, length in sung] or [1.0])
    silent = np.array([float(length) for pitch, length in sung if pitch is None])
    symbols = sum(map(len, pieces))
    return {
        "mean pitch, MIDI": float(pitches.mean()),
        "its deviation, semitones": float(pitches.std()),
        "mean interval, semitones": float(moves.mean()),
        "repeated pitches, %": 100 * float((moves == 0).mean()),
        "mean length, beats": float(lengths.mean()),
        "its deviation, beats": float(lengths.std()),
        "rests, % of the time": 100 * float(silent.sum() / lasting.sum()),
        "notes and rests of a piece": len(sung) / max(len(tunes), 1),
        "tokens out of order, %": 100 * sum(map(note_symbols.misplaced, pieces)) / max(symbols, 1),
    }


def intervals(tune: Sequence[Sung]) -> Iterator[tuple[int, int]]:
    """Pitches and the next ones, rests passed over."""
    pitches = [pitch for pitch, _ in tune if pitch is not None]
    return itertools.pairwise(pitches)


def distributions(composed: Sequence[Sequence[str]], test: Sequence[Sequence[str]]) -> list[Panel]:
    """Shares of notes at each pitch and of each length, of both."""
    curves: list[dict[str, tuple[Any, Any]]] = [{}, {}]
    for name, pieces in (("composed", composed), ("test split", test)):
        sung = [note for piece in pieces for tune in note_symbols.tunes_of(piece) for note in tune]
        columns: tuple[list, list] = ([p for p, _ in sung if p is not None], [n for p, n in sung if p is not None])
        for panel, column in enumerate(columns if columns[0] else ()):
            counts = sorted(Counter(column).items())
            shares = [100 * count / len(column) for _, count in counts]
            curves[panel][name] = ([float(value) for value, _ in counts], shares)
    pitches, lengths = curves
    return [
        Panel("Pitches", "MIDI", "% of notes", pitches),
        Panel("Lengths", "quarter notes", "% of notes", lengths, log_x=True),
    ]


def compared(setting: Setting, result: Result) -> Table:
    """Bits per note beside those of bigrams and unigrams, of the validation and the test split."""
    every, fold, key = setting.data.examples, result.stage.technique.evaluate, jax.random.key(0)
    held = (split for split in (setting.data.valid, setting.data.test) if split is not None)
    own = [evaluate(fold, result.state, split, key)["bits_per_note"].value for split in held]
    rows = [[Cell(name), *(Cell(f"{bits:.3f}") for bits in both)] for name, both in bigrams.baselines(every).items()]
    rows.insert(0, [Cell("this network"), *(Cell(f"{bits:.3f}", strong=True) for bits in own)])
    definition = "-log2 p of all notes, rests and ends of tunes over the number of notes and rests"
    notes = {"bigram": "p(pitch and length | those of the note before), interpolated; where it begins is known"}
    return Table(definition, ["", "validation split", "test split"], rows, notes=notes)


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Bits per note beside a bigram's, pieces to look at and to listen to, and statistics."""
    every, flags = setting.data.examples, setting.flags
    yield compared(setting, result)
    compose = composer(setting.module.network(setting.config), PIECES, flags.notes)
    pieces = compose(result.state.params, jax.random.key(1), flags.temperature)
    vocabulary = every.text.vocabulary
    test = [[vocabulary[token] for token in every.text.test.tokens.tolist()]]
    caption = f"Notes of {PIECES} pieces that were composed, and of the {every.tunes[2]} of the test split"
    yield scores.beside(caption, statistics(pieces), statistics(test))
    yield drawing("notes", f"{caption}: pitches and lengths", lines, distributions(pieces, test), colours="category")
    rows = np.concatenate([pictured(notes_of(piece)) for piece in pieces[:4]])
    yield still("pieces", "Four composed pieces: time to the right, a line at each C", rows, 1)
    for number, piece in enumerate(pieces):
        heard = within(notes_of(piece), BEATS)
        yield from scores.heard(f"piece{number}", f"Composed, {number + 1} of {PIECES}", heard, flags)
