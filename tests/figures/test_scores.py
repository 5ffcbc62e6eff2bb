"""What composed music is compared by: statistics and tones by hand."""

import numpy as np
import pytest

from jaxgen.data.music.midi import Note
from jaxgen.figures import scores


def test_statistics_by_hand():
    roll = np.zeros((4, 88), np.uint8)
    roll[:2, 39], roll[1:3, 43] = 1, 1  # C and E of two steps each, overlapping
    found = scores.statistics([roll], 2)
    assert list(found.values()) == pytest.approx([62.0, 2.0, 1.0, 0.0, 1.0, 25.0])
    assert scores.pictured(roll).shape == (88 * scores.SCALE, 4 * scores.SCALE)


def test_tones_are_in_hertz_and_seconds():
    assert scores.tones([Note(69, 1.0, 2.0), Note(57, 0.0, 1.0)], 120.0) == [(440.0, 0.5, 1.0), (220.0, 0.0, 0.5)]
