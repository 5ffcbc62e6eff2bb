"""Tones have their frequencies, and files are read again."""

import io
import wave

import numpy as np
import pytest

from jaxgen.report import sounds


def test_a_tone_has_its_frequency_and_ends():
    samples = sounds.synthesised([(440.0, 0.5, 1.0)], 8000)
    assert np.abs(samples).max() == pytest.approx(1.0)
    assert not samples[:3990].any()  # half a second of silence
    spectrum = np.abs(np.fft.rfft(samples[4000:12000]))
    assert spectrum.argmax() == 440
    assert len(samples) == pytest.approx(8000 * 1.6, abs=10)
    high = np.abs(np.fft.rfft(sounds.synthesised([(4186.0, 0.0, 1.0)], 9000)[:9000]))
    assert high.argmax() == 4186  # and no harmonic that would fold back
    assert not sounds.synthesised([], 8000).any()


def test_a_wav_file_is_read_again():
    samples = np.array([0.0, 1.0, -1.0, 0.5])
    with wave.open(io.BytesIO(sounds.wav(samples, 11025))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 11025)
        read = np.frombuffer(file.readframes(4), "<i2")
    assert read.tolist() == [0, 32767, -32767, 16384]
