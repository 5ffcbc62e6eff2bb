"""The grid as a study trains it: `python -m benchmarks.contenders.grid_jax [host devices] [vmap|map|sequential]`."""

import sys

from benchmarks.contenders import serve
from jaxgen.run import machine
from jaxgen.study import grid, side_by_side, training
from jaxgen.study.problems import Trial
from jaxgen.study.tasks import made


def main(host_devices: int, mode: str) -> None:
    """Trains all 64 runs from their first parameters on, validated before and after."""
    machine.prepare(host_devices)
    problem = made("classifier:digits", [], {}, 1, ["adam"]).problem
    functions = training.bench(problem, "adam", mode)
    arrays = side_by_side.shared((problem.train.arrays, problem.valid.arrays, problem.test.arrays))
    trials = [Trial(rate, seed) for rate in grid.rates("1e-3:1e0:8") for seed in range(8)]
    serve(lambda: training.trained(problem, functions, trials, arrays, final=False), len(trials))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1, sys.argv[2] if sys.argv[2:] else "vmap")
