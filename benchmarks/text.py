"""Language models against PyTorch and Keras doing the same work, on the same cores in the same run."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.race import have, race, ratio

HERE = "benchmarks.contenders."
KERAS = {"Keras on JAX": "jax", "Keras on PyTorch": "torch"}
MODEL = ("--steps=1", "--width=128", "--context=60")  # what --sample_only writes with: its training does not matter


def windows(rounds: int = 7, seconds: float = 2.0) -> list[dict[str, Any]]:
    """The book's LSTM-128: the character after 60, V 57, batch 128, RMSprop; windows a second.

    A row per contender: the median of the blocks, and that of the ratios to PyTorch's in a round.
    """
    contenders = _ours("windows")
    if have("torch"):
        contenders["PyTorch"] = [f"{HERE}text_torch", "windows"]
    contenders |= _keras("train")
    return _rows(race(contenders, rounds, seconds), "windows_per_second")


def carried(rounds: int = 7, seconds: float = 2.0) -> list[dict[str, Any]]:
    """LSTM-512, 64 streams of 128 characters a step, hidden states carried, V 57, Adam; characters a second.

    Rows as of `windows`.
    """
    contenders = _ours("carried")
    if have("torch"):
        contenders["PyTorch"] = [f"{HERE}text_torch", "carried"]
    return _rows(race(contenders, rounds, seconds), "characters_per_second")


def sampling(rounds: int = 7, seconds: float = 2.0) -> list[dict[str, Any]]:
    """The book's LSTM-128 writes one stream, and 64 at a time; characters a second, of all streams together.

    Ours is one program for a stream's 1,000 characters; PyTorch's loop feeds one character of every stream and keeps
    the hidden states; Keras's, the book's, reads 60 characters again for each. Rows as of `windows`.
    """
    rows = []
    for streams in (1, 64):
        contenders = {"compiled whole": [f"{HERE}text_sampling_jax", str(streams)]}
        if have("torch"):
            loop = [f"{HERE}text_sampling_torch", str(streams)]
            contenders |= {"PyTorch": loop, "PyTorch, LSTMCell": [*loop, "cell"]}
        if streams == 1:
            contenders |= _keras("predict")
        blocks = race(contenders, rounds, seconds)
        for row in _rows(blocks, "characters_per_second"):
            rows.append({"streams": streams, **row})
            if have("keras"):
                keras = blocks.get("Keras on JAX")
                rows[-1]["against_keras"] = ratio(row["blocks"], keras) if keras else None
    return rows


def transformer(rounds: int = 7, seconds: float = 2.0) -> list[dict[str, Any]]:
    """nanoGPT's for a CPU: 4 layers, 4 heads, 128 wide, context 64, batch 12, V 65, AdamW; tokens a second.

    Rows as of `windows`.
    """
    contenders = _ours("transformer")
    if have("torch"):
        gpt = f"{HERE}text_gpt_torch"
        contenders |= {"PyTorch": [gpt], "PyTorch, torch.compile": [gpt, "compiled"]}
    return _rows(race(contenders, rounds, seconds), "tokens_per_second")


def start(rounds: int = 7) -> list[dict[str, Any]]:
    """From the start of a process to 400 characters of a trained LSTM, compiled programs from an earlier run; seconds.

    `python -m experiments.text --sample_only`, the whole process; one row.
    """
    with tempfile.TemporaryDirectory() as place:
        kept = [f"--workdir={place}/run", f"--compilation_cache={place}/xla"]
        command = [sys.executable, "-m", "experiments.text", *kept]
        write = [*command, "--sample_only", "--prompt=The ", "--length=400"]
        found = []
        for each in ([*command, *MODEL], write, *[write] * rounds):
            begun = time.perf_counter()
            subprocess.run(each, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_plain())
            found.append(time.perf_counter() - begun)
    blocks = found[2:]  # the first trained, the second compiled
    return [{"contender": "--sample_only", "seconds": statistics.median(blocks), "blocks": blocks}]


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("XLA_")}


def _ours(training: str) -> dict[str, list[str]]:
    fused = [f"{HERE}text_jax", training]
    return {"fused": fused, "fused, 2 host devices": [*fused, "2"]}


def _keras(what: str) -> dict[str, list[str]]:
    """Keras on each of its backends, where it is installed."""
    if not have("keras"):
        return {}
    backends = {name: backend for name, backend in KERAS.items() if have(backend)}
    return {name: [f"{HERE}text_keras", backend, what] for name, backend in backends.items()}


def _rows(blocks: Mapping[str, Sequence[float]], unit: str) -> list[dict[str, Any]]:
    rows = []
    for name, speeds in blocks.items():
        row: dict[str, Any] = {"contender": name, unit: statistics.median(speeds)}
        if "PyTorch" in blocks:
            row["against_pytorch"] = ratio(speeds, blocks["PyTorch"])
        rows.append({**row, "blocks": speeds})
    return rows


# Each by the name that `--only` knows it by.
RACES = {f"text_{measure.__name__}": measure for measure in (windows, carried, sampling, transformer, start)}
