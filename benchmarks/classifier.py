"""The CNN, batch 128, against the same network in PyTorch on the same cores in the same run."""

import statistics

from benchmarks.race import have, race, ratio

HERE = "benchmarks.contenders."


def measure(rounds: int = 7, seconds: float = 2.0) -> list[dict]:
    """A row per contender: images a second (median of the blocks) and the ratio to PyTorch's."""
    contenders = {
        "fused": [f"{HERE}classifier_jax"],
        "fused, 2 host devices": [f"{HERE}classifier_jax", "2"],
        "jit per step": [f"{HERE}classifier_jax", "1", "naive"],
    }
    if have("torch"):
        contenders["PyTorch"] = [f"{HERE}classifier_torch"]
    blocks, rows = race(contenders, rounds, seconds), []
    for name, speeds in blocks.items():
        row = {"contender": name, "images_per_second": statistics.median(speeds)}
        if "PyTorch" in blocks:
            row["against_pytorch"] = ratio(speeds, blocks["PyTorch"])
        rows.append({**row, "blocks": speeds})
    return rows
