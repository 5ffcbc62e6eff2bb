"""Adam on given gradients of ten million parameters, in one array and in the 1,009 of a network: gigabytes a second of
the seven arrays that an update must read or write, and their share of what a triad moves (b <- b + c / 2, in place).
A call an update, parameters and state donated; `in a scan` is four updates a call, as in a chunk of training.
"""

import statistics

from benchmarks.race import have, race, ratio

HERE = "benchmarks.contenders."
JAX = {"ours": "ours", "ours, in a scan": "ours scan", "optax.adam": "optax"}
TORCH = {"PyTorch": "default", "PyTorch, foreach": "foreach", "PyTorch, fused": "fused"}


def measure(rounds: int = 7, seconds: float = 1.0) -> list[dict]:
    """A row per contender: medians of the blocks, of the ratios to the triad's and to PyTorch's default in a round."""
    rows = []
    for leaves, arrays in (("one", 1), ("network", 1009)):
        contenders = {"triad": [f"{HERE}optimizer_jax", "one", "triad"]}
        contenders |= {name: [f"{HERE}optimizer_jax", leaves, *what.split()] for name, what in JAX.items()}
        if have("torch"):
            contenders |= {name: [f"{HERE}optimizer_torch", leaves, way] for name, way in TORCH.items()}
        blocks = race(contenders, rounds, seconds)
        for name, speeds in blocks.items():
            row = {"arrays": arrays, "contender": name, "gb_per_second": statistics.median(speeds)}
            row["of_triad"] = ratio(speeds, blocks["triad"])
            if "PyTorch" in blocks:
                row["against_pytorch"] = None if name == "triad" else ratio(speeds, blocks["PyTorch"])
            rows.append({**row, "blocks": speeds})
    return rows
