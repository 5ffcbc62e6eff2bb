"""What the experiment writes with: `python -m benchmarks.contenders.text_sampling_jax STREAMS`.

The LSTM of the training `windows`, its hidden states carried; LENGTH characters of every stream in one program.
"""

import sys

import jax
import numpy as np

from benchmarks.contenders import serve
from benchmarks.contenders.text_jax import setting
from benchmarks.contenders.text_sizes import TEMPERATURE
from jaxgen.figures.writing import writer
from jaxgen.run import machine
from jaxgen.techniques.text import language

LENGTH = 1000


def main(streams: int) -> None:
    """Answers with characters a second, of all streams together; each begins with one character."""
    machine.prepare()
    config, optimizer = setting("windows")
    params = jax.jit(language.make(config, optimizer).init)(jax.random.key(0)).params
    write, temperatures = writer(config, config.vocabulary[0], LENGTH), np.full(streams, TEMPERATURE)
    key, calls = jax.random.key(1), 0

    def work():
        nonlocal calls
        calls += 1
        return write(params, jax.random.split(jax.random.fold_in(key, calls), streams), temperatures)

    serve(work, LENGTH * streams)


if __name__ == "__main__":
    main(int(sys.argv[1]))
