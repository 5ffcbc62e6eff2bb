"""How a text is read: what a token is, which windows a network is trained on, and what counts in evaluations.

T    tokens in a window, the context
"""

import dataclasses
from typing import Literal

from jaxgen.core.config import knob
from jaxgen.core.types import Holdout, Refused, Source
from jaxgen.data.text import windows
from jaxgen.data.text.texts import Split

GROUP = "reading"  # heading of --help


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a token is, and which windows a network reads."""

    # At level "note" three tokens are a note: `jaxgen.data.music.note_symbols`.
    level: Literal["char", "word", "bpe", "note"] = knob(
        "char", "what a token is: a character, a word, or a byte pair", group=GROUP, choices=("char", "word", "bpe")
    )
    context: int = knob(
        128, "tokens in a window; a transformer and a convolution see no more", lower=1, upper=2**20, group=GROUP
    )
    windows: Literal["stream", "random", "strided"] = knob(
        "stream",
        "read in order, hidden states carried; anywhere; or begun every --stride tokens, in a new order",
        group=GROUP,
    )
    stride: int = knob(3, "of --windows=strided", lower=1, upper=2**20, group=GROUP)
    predict: Literal["all", "last"] = knob(
        "all", "the token after every one of a window, or after its last", group=GROUP
    )
    overlap: int | None = knob(
        None,
        "first tokens of a window that do not count in evaluations, of networks that see no further (half of it)",
        lower=0,
        upper=2**20,
        group=GROUP,
    )


def uncounted(reading: Reading) -> int:
    """First tokens of a window that do not count in evaluations without carried states. Raises Refused: all of them."""
    if reading.predict == "last":
        return reading.context - 1
    overlap = reading.context // 2 if reading.overlap is None else reading.overlap
    if overlap >= reading.context:
        raise Refused(f"--overlap={overlap} leaves nothing of --context={reading.context} to count")
    return overlap


def epoch(count: int, batch_size: int, reading: Reading) -> int:
    """Updates in a pass over `count` tokens. Raises Refused where they are too few for one."""
    context, stride = reading.context, reading.stride
    match reading.windows:
        case "stream":
            updates = windows.stream_length(count, batch_size, context)
            least = batch_size * (context + 1) + context
        case "random":
            updates = max(1, count // (batch_size * context)) if count > context else 0  # they may overlap
            least = context + 1
        case "strided":
            updates = windows.strided_windows(count, context, stride) // batch_size
            least = (batch_size - 1) * stride + context + 1
    if updates < 1:
        raise Refused(
            f"{batch_size} windows of {context} tokens need {least:,} tokens to train on, and there are {count:,}; "
            "a smaller --batch_size or --context needs less"
        )
    return updates


def source(split: Split, batch_size: int, reading: Reading) -> Source:
    """Windows to train on, see `windows`. Raises Refused where the split is too short for a batch."""
    epoch(len(split.tokens), batch_size, reading)
    match reading.windows:
        case "stream":
            return windows.streams(split, batch_size, reading.context)
        case "random":
            return windows.anywhere(split, batch_size, reading.context)
        case "strided":
            return windows.strided(split, batch_size, reading.context, reading.stride)


def holdout(split: Split, batch_size: int, reading: Reading, carries: bool) -> Holdout:
    """Every token of a split once, see `windows`.

    Args:
        split: what is evaluated on.
        batch_size: windows side by side.
        reading: as in training.
        carries: whether the network carries hidden states from window to window.

    Raises:
        Refused: nothing of a window would count.
    """
    if carries:
        return windows.pieces(split, batch_size, reading.context)
    return windows.overlapping(split, batch_size, reading.context, uncounted(reading), reading.predict == "last")
