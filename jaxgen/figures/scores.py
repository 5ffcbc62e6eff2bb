"""What music looks and sounds like: rolls as pictures, WAV and MIDI files, and statistics beside the corpus'."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State, Technique
from jaxgen.data.music import midi, rolls
from jaxgen.figures.latents import vmapped
from jaxgen.report.items import Cell, Figure, Still, Table
from jaxgen.report.pictures import still
from jaxgen.report.sounds import synthesised, wav
from jaxgen.run.experiment import Result, Setting

PIECES = 8
SCALE = 3  # pixels of a step and a key


def pictured(roll: np.ndarray) -> np.ndarray:
    """A roll [L, 88] as an image, time to the right, high keys on top, octaves lined: [88 SCALE, L SCALE] in [0, 1]."""
    shades = np.where(np.arange(rolls.KEYS)[:, None] % 12 == 3, 0.86, 0.97) * np.ones((1, len(roll)))  # C is key 3
    shades = np.where(np.asarray(roll).T > 0, 0.1, shades)
    return np.kron(shades[::-1], np.ones((SCALE, SCALE))).astype(np.float32)


def composed(technique: Technique, state: State, count: int, temperature: float, given: Any = None) -> np.ndarray:
    """Pieces [count, L, 88]; `given`: rolls and how much of them is kept."""
    like = technique.inputs(jax.random.key(0))["compose"]["roll"]
    nothing = {"roll": jnp.zeros((count, *like.shape), jnp.uint8), "length": jnp.zeros(count, jnp.int32)}
    start = {**(given or nothing), "temperature": jnp.full(count, temperature, jnp.float32)}
    return np.asarray(vmapped(technique, "compose")(state, jax.random.key(1), start)["roll"])


def forming(setting: Setting, stages: Sequence[Stage]) -> Any:
    """What a run keeps while it trains: two pieces."""

    def look(stage, step, state):
        del step
        pieces = composed(stages[stage].technique, state, 2, setting.flags.temperature)
        yield Still("pieces", np.concatenate([pictured(piece) for piece in pieces]))

    return look


def statistics(pieces: Any, steps_per_beat: int) -> dict[str, float]:
    """Of rolls [n, 88]: what a listener hears first."""
    notes = [note for piece in pieces for note in rolls.to_notes(piece, steps_per_beat)]
    pitches, lengths = (np.array([getattr(note, name) for note in notes] or [0.0]) for name in ("pitch", "length"))
    sounding = np.concatenate([np.asarray(piece).sum(1) for piece in pieces])
    return {
        "mean pitch, MIDI": float(pitches.mean()),
        "its deviation, semitones": float(pitches.std()),
        "mean length, beats": float(lengths.mean()),
        "its deviation, beats": float(lengths.std()),
        "keys that sound at once": float(sounding.mean()),
        "silent steps, %": 100 * float((sounding == 0).mean()),
    }


def compared(pieces: Any, test: Any, steps_per_beat: int) -> Table:
    """Statistics of what was composed, and of the test split."""
    real = [roll[:length] for roll, length in zip(test.roll, test.length)]
    caption = f"Notes of {len(pieces)} pieces that were composed, and of the {len(real)} of the test split"
    return beside(caption, statistics(pieces, steps_per_beat), statistics(real, steps_per_beat))


def beside(caption: str, composed: Mapping[str, float], test: Mapping[str, float]) -> Table:
    """Statistics of what was composed, and the same of the test split."""
    rows = [[Cell(name), Cell(f"{value:.2f}"), Cell(f"{test[name]:.2f}")] for name, value in composed.items()]
    return Table(caption, ["", "composed", "test split"], rows)


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Pieces to look at and to listen to, one that goes on from a test piece, and statistics."""
    technique, state, every, flags = result.stage.technique, result.state, setting.data.examples, setting.flags
    pieces = composed(technique, state, PIECES, flags.temperature)
    beat = every.steps_per_beat
    yield compared(pieces, every.test, beat)
    yield still(
        "pieces",
        "Four composed pieces: time to the right, a line at each C",
        np.concatenate([*map(pictured, pieces[:4])]),
        1,
    )
    length = pieces.shape[1]
    whole = np.zeros((1, length, rolls.KEYS), np.uint8)
    first = every.test.roll[:1, :length]
    whole[:, : first.shape[1]] = first
    half = {"roll": jnp.asarray(whole), "length": jnp.minimum(every.test.length[:1] // 2, length // 2)}
    onward = composed(technique, state, 1, flags.temperature, half)[0]
    beside = np.concatenate([pictured(whole[0]), pictured(onward)])
    yield still("onward", "A test piece, and its first half continued", beside, 1)
    for number, piece in enumerate([*pieces, onward]):
        name = f"piece{number}" if number < PIECES else "piece_onward"
        caption = f"Composed, {number + 1} of {PIECES}" if number < PIECES else "The test piece's first half, continued"
        yield from heard(name, caption, rolls.to_notes(piece, beat), flags)


def tones(notes: Sequence[midi.Note], beats_per_minute: float) -> list[tuple[float, float, float]]:
    """Hertz, start and length, in seconds, of notes."""
    beat = 60.0 / beats_per_minute
    return [(440.0 * 2 ** ((note.pitch - 69) / 12), beat * note.start, beat * note.length) for note in notes]


def heard(name: str, caption: str, notes: Sequence[midi.Note], flags: Any) -> Iterator[Figure]:
    """A piece as a WAV file, for the page, and as a MIDI file beside it."""
    made = lambda: wav(synthesised(tones(notes, flags.beats_per_minute), flags.sample_rate), flags.sample_rate)
    yield Figure(name, caption, made, ".wav")
    yield Figure(name, caption, lambda: midi.written(notes, flags.beats_per_minute), ".mid")
