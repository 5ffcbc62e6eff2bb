"""Dropping compiled programs in the middle of a run of tests, with what counts them."""

from pathlib import Path

import jax

# Each program that is kept maps some twelve regions of memory; with Linux's 65,530 XLA ends the process at the next.
MAPPED = 25_000
FORGET = [jax.clear_caches]  # what is called then; modules that count programs add to it


def forget_many():
    """Drops all programs where this process has mapped more than MAPPED regions."""
    maps = Path("/proc/self/maps")  # of Linux
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPPED:
        for forget in FORGET:
            forget()
