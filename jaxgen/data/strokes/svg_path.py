"""The path data of SVG as strokes (https://www.w3.org/TR/SVG11/paths.html): lines, and curves as a few lines each.

Points are complex numbers x + iy, y downwards.
"""

import itertools
import re

import numpy as np

PIECES = 8  # lines of a curve
NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2}  # that one repetition of a command takes
TOKEN = re.compile(r"\s*,?\s*(?:([A-Za-z])|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))")


def path_strokes(data: str) -> list[np.ndarray]:
    """The strokes, float64 [m, 2], of the `d` of a path; a move begins a new one, Z returns to where it began.

    A move that nothing is drawn from leaves no stroke.

    Raises:
        ValueError: a command is unknown or an arc (A), lacks numbers, or the data do not begin with a move.
    """
    pen = _Pen()
    for command, numbers in _commands(data):
        getattr(pen, f"draw_{command.lower()}")(command, numbers)
    strokes = [stroke for stroke in pen.strokes if len(stroke) > 1]
    return [np.array([[point.real, point.imag] for point in stroke]) for stroke in strokes]


def _commands(data: str) -> list[tuple[str, tuple[float, ...]]]:
    """(command, its numbers), repeated commands written out: further pairs of a move are lines."""
    tokens, at, data = [], 0, data.strip()
    while at < len(data):
        match = TOKEN.match(data, at)
        if match is None:
            raise ValueError(f"{data[at : at + 20]!r} in a path is neither a command nor a number")
        tokens.append(match.groups())
        at = match.end()
    out: list[tuple[str, tuple[float, ...]]] = []
    for n, (letter, _) in enumerate(tokens):
        if letter is None:
            continue
        if letter.upper() not in (*NUMBERS, "Z"):
            known = ", ".join((*NUMBERS, "Z"))
            raise ValueError(f"a path has the command {letter}; known are {known} (convert arcs to curves)")
        end = next((k for k in range(n + 1, len(tokens)) if tokens[k][0] is not None), len(tokens))
        numbers = [float(number) for _, number in tokens[n + 1 : end]]
        size = NUMBERS.get(letter.upper(), 0)
        if (len(numbers) % size if size else len(numbers)) or (size and not numbers):
            raise ValueError(f"a path has {len(numbers)} numbers after the command {letter}")
        parts = [tuple(numbers[k : k + size]) for k in range(0, len(numbers), size)] if size else [()]
        out.append((letter, parts[0]))
        following = {"M": "L", "m": "l"}.get(letter, letter)
        out += [(following, part) for part in parts[1:]]
    if tokens and (tokens[0][0] or "").upper() != "M":
        raise ValueError("a path does not begin with a move (M)")
    return out


class _Pen:
    """The strokes so far, and what commands refer to."""

    def __init__(self) -> None:
        self.strokes: list[list[complex]] = []
        self.at = self.begin = 0j  # the current point, and the first of its stroke
        self.control: complex | None = None  # the last control point of the command before, ...
        self.degree = 0  # ... if it was a curve of this degree
        self.closed = False

    def points(self, command: str, numbers: tuple[float, ...]) -> list[complex]:
        """The pairs of numbers as absolute points."""
        origin = self.at if command.islower() else 0j
        return [origin + complex(*numbers[n : n + 2]) for n in range(0, len(numbers), 2)]

    def go(self, points: list[complex], control: complex | None = None, degree: int = 0) -> None:
        """Draws lines to points, in a new stroke where the last one was closed."""
        if self.closed:
            self.strokes.append([self.at])
        self.strokes[-1] += points
        self.at, self.control, self.degree, self.closed = points[-1], control, degree, False

    def reflected(self, degree: int) -> complex:
        """The first control point of a smooth curve: the last one of a curve of the same degree, reflected."""
        return 2 * self.at - self.control if self.control is not None and self.degree == degree else self.at

    def draw_m(self, command: str, numbers: tuple[float, ...]) -> None:
        (self.at,) = self.points(command, numbers)
        self.begin, self.control, self.degree, self.closed = self.at, None, 0, False
        self.strokes.append([self.at])

    def draw_z(self, command: str, numbers: tuple[float, ...]) -> None:
        if self.at != self.begin:
            self.go([self.begin])
        self.control, self.degree, self.closed = None, 0, True

    def draw_l(self, command: str, numbers: tuple[float, ...]) -> None:
        self.go(self.points(command, numbers))

    def draw_h(self, command: str, numbers: tuple[float, ...]) -> None:
        self.go([complex(numbers[0] + (self.at.real if command == "h" else 0), self.at.imag)])

    def draw_v(self, command: str, numbers: tuple[float, ...]) -> None:
        self.go([complex(self.at.real, numbers[0] + (self.at.imag if command == "v" else 0))])

    def draw_c(self, command: str, numbers: tuple[float, ...]) -> None:
        self.curve(self.points(command, numbers))

    def draw_s(self, command: str, numbers: tuple[float, ...]) -> None:
        self.curve([self.reflected(3), *self.points(command, numbers)])

    def draw_q(self, command: str, numbers: tuple[float, ...]) -> None:
        self.curve(self.points(command, numbers))

    def draw_t(self, command: str, numbers: tuple[float, ...]) -> None:
        self.curve([self.reflected(2), *self.points(command, numbers)])

    def curve(self, points: list[complex]) -> None:
        """A Bezier curve from here: its control points and its end, two points or three."""
        self.go(bezier([self.at, *points]), points[-2], len(points))


def bezier(points: list[complex], pieces: int = PIECES) -> list[complex]:
    """The ends of the pieces, equal in time, of a Bezier curve by de Casteljau's algorithm; without its start."""
    out = []
    for n in range(1, pieces + 1):
        time, level = n / pieces, points
        while len(level) > 1:
            level = [(1 - time) * one + time * other for one, other in itertools.pairwise(level)]
        out.append(level[0])
    out[-1] = points[-1]  # without rounding
    return out
