"""64 runs of a grid (8 learning rates, 8 seeds; digits, 64-128-10, Adam, batch 32, 20 epochs) against PyTorch's loop.

Runs a second, warm. Ours as a study trains them, validated before and after, which is in the time; the loop never is.
"""

import statistics

from benchmarks.race import have, race, ratio

HERE = "benchmarks.contenders."


def measure(rounds: int = 7, seconds: float = 2.0) -> list[dict]:
    """A row per contender: runs a second (median of the blocks) and the ratio to PyTorch's."""
    contenders = {
        "vmapped, 2 host devices": [f"{HERE}grid_jax", "2", "vmap"],
        "vmapped": [f"{HERE}grid_jax", "1", "vmap"],
        "mapped, 2 host devices": [f"{HERE}grid_jax", "2", "map"],
    }
    if have("torch"):
        contenders |= {"PyTorch, one after the other": [f"{HERE}grid_torch"]}
    blocks, rows = race(contenders, rounds, seconds), []
    peer = blocks.get("PyTorch, one after the other")
    for name, speeds in blocks.items():
        row = {"contender": name, "runs_per_second": statistics.median(speeds)}
        if peer:
            row["against_pytorch"] = ratio(speeds, peer)
        rows.append({**row, "blocks": speeds})
    return rows
