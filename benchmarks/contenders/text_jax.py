"""Language models as the experiment trains them: `python -m benchmarks.contenders.text_jax TRAINING [host devices]`.

TRAINING is `windows`, `carried` or `transformer`: of text_sizes.py, the first and the last as the experiment's presets.
"""

import dataclasses
import sys
from typing import Any

import jax

from benchmarks.contenders import serve
from benchmarks.contenders.text_sizes import SIZES, text
from experiments.text import PRESETS
from jaxgen.core import loop, sharding
from jaxgen.core.config import built
from jaxgen.data.text import reading
from jaxgen.data.text.texts import Split
from jaxgen.optim.settings import Factory, Settings, chosen
from jaxgen.run import machine
from jaxgen.techniques.text import language

FLAGS: dict[str, dict[str, Any]] = {
    "windows": PRESETS["chollet"],
    "carried": {"width": 512, "context": 128, "batch_size": 64},
    "transformer": PRESETS["nano_cpu"],
}
LENGTH = {"windows": 4, "carried": 2, "transformer": 10}  # steps of a chunk


def setting(training: str) -> tuple[language.Config, Factory]:
    """A training's Config, for a text of as many characters as its sizes say, and its optimiser."""
    given = FLAGS[training]
    characters = tuple(map(chr, range(SIZES[training].vocabulary)))
    config = dataclasses.replace(built(language.Config, given), vocabulary=characters, batch=given["batch_size"])
    settings = built(Settings, given)
    return config, chosen(given.get("optimizer", "adam"), settings, total=given.get("steps", 1))


def main(training: str, host_devices: int = 1) -> None:
    """Answers with windows a second where they have one target each, with characters a second otherwise."""
    machine.prepare(host_devices)
    config, optimizer = setting(training)
    technique, length = language.make(config, optimizer), LENGTH[training]
    split = Split(text(len(config.vocabulary)))
    source = reading.source(split, config.batch, config.context, config.windows, config.stride)
    key, state, arrays = jax.random.key(1), jax.jit(technique.init)(jax.random.key(0)), source.arrays
    placed = machine.shardings()
    if placed:
        source, technique = sharding.spread(source, placed[1]), sharding.spread_streams(technique, placed[1])
        state, arrays = sharding.place((state, arrays), placed[0])
        state = sharding.split_streams(technique, state, placed[0])

    def work():
        nonlocal state
        state, metrics, _ = loop.chunk(technique.step, source.take, state, arrays, None, length, key)
        jax.block_until_ready(metrics)

    serve(work, length * config.batch * (1 if config.predict == "last" else config.context))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
