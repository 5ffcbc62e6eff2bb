"""Sounds of a run: tones by additive synthesis, as WAV files."""

import io
import wave
from collections.abc import Sequence

import numpy as np

HARMONICS = 6  # of a tone
ATTACK, DECAY, RELEASE = 0.01, 0.6, 0.05  # seconds


def synthesised(tones: Sequence[tuple[float, float, float]], sample_rate: int) -> np.ndarray:
    """Samples in [-1, 1] of tones (hertz, start, length; seconds), each a sum of harmonics that fades."""
    end = max((start + length for _, start, length in tones), default=0.0) + 2 * RELEASE
    out = np.zeros(int(end * sample_rate) + 1)
    for frequency, start, length in tones:
        seconds = np.arange(int((length + RELEASE) * sample_rate)) / sample_rate
        own = [n for n in range(1, HARMONICS + 1) if n * frequency < sample_rate / 2]  # others would fold back
        tone = sum((np.sin(2 * np.pi * n * frequency * seconds) / n**1.5 for n in own), np.zeros(len(seconds)))
        left = np.clip((length + RELEASE - seconds) / RELEASE, 0.0, 1.0)
        begin = int(start * sample_rate)
        out[begin : begin + len(tone)] += tone * np.minimum(seconds / ATTACK, 1.0) * np.exp(-seconds / DECAY) * left
    return out / max(1e-9, np.abs(out).max())


def wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """A WAV file of samples in [-1, 1], 16 bits, one channel."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())
    return buffer.getvalue()
