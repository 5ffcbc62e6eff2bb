"""What music sounds like: frequencies, files that players read, statistics by hand."""

import io
import wave

import numpy as np
import pytest

from jaxgen.data.music.midi import Note
from jaxgen.figures import scores


def test_a_note_has_its_frequency_and_ends():
    samples = scores.sound([Note(69, 1.0, 2.0)], 120.0, 8000)
    assert np.abs(samples).max() == pytest.approx(1.0)
    assert not samples[:3990].any()  # half a second of silence
    spectrum = np.abs(np.fft.rfft(samples[4000:12000]))
    assert spectrum.argmax() == 440
    assert len(samples) == pytest.approx(8000 * 1.6, abs=10)
    high = np.abs(np.fft.rfft(scores.sound([Note(108, 0.0, 2.0)], 120.0, 9000)[:9000]))
    assert high.argmax() == 4186  # and no harmonic that would fold back
    assert not scores.sound([], 120.0, 8000).any()


def test_a_wav_file_is_read_again():
    samples = np.array([0.0, 1.0, -1.0, 0.5])
    with wave.open(io.BytesIO(scores.wav(samples, 11025))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 11025)
        read = np.frombuffer(file.readframes(4), "<i2")
    assert read.tolist() == [0, 32767, -32767, 16384]


def test_statistics_by_hand():
    roll = np.zeros((4, 88), np.uint8)
    roll[:2, 39], roll[1:3, 43] = 1, 1  # C and E of two steps each, overlapping
    found = scores.statistics([roll], 2)
    assert list(found.values()) == pytest.approx([62.0, 2.0, 1.0, 0.0, 1.0, 25.0])
    assert scores.pictured(roll).shape == (88 * scores.SCALE, 4 * scores.SCALE)
