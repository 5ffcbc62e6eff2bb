"""The process of one contender, so that thread pools and allocators do not meet.

python -m benchmarks.serving LOOP CONTENDER CASE DEVICES

Prints "ready" when the contender is warm; then, for each line on stdin, a number of seconds, works for about as long
and prints its speed, in the loop's unit, and its quality, which was taken after a fixed amount of work.
"""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator

from benchmarks.contender import Loop, Work
from benchmarks.loops import (
    adam,
    autoencoder,
    boltzmann,
    classifier,
    composing,
    copying,
    gan,
    grid,
    imagery,
    lbfgs,
    lstm,
    sampling,
    sketching,
    stylizing,
    transformer,
    vae,
)
from jaxgen.run import machine

LOOPS: dict[str, Loop] = {  # each by the name that --only has for it
    "vae": vae.LOOP,
    "autoencoder": autoencoder.LOOP,
    "penalty": autoencoder.PENALTIES,
    "boltzmann": boltzmann.LOOP,
    "gibbs": boltzmann.CHAINS,
    "classifier": classifier.LOOP,
    "composing": composing.LOOP,
    "copying": copying.LOOP,
    "gan": gan.LOOP,
    "stylizing": stylizing.LOOP,
    "grid": grid.LOOP,
    "imagery": imagery.LOOP,
    "optimizers": adam.LOOP,
    "lbfgs": lbfgs.LOOP,
    "sketching": sketching.LOOP,
    "text_windows": lstm.WINDOWS,
    "text_carried": lstm.STREAMS,
    "text_sampling": sampling.LOOP,
    "text_transformer": transformer.LOOP,
}


def answers(work: Work, lines: Iterable[str]) -> Iterator[str]:
    """What is printed: that it is ready, then the answer to each line."""
    for _ in range(work.calls):
        work.call()
    quality = work.quality()
    yield "ready"
    for line in lines:
        start = time.perf_counter()
        end, count = start + float(line), 0
        while time.perf_counter() < end:
            work.call()
            count += 1
        yield f"{count * work.amount / (time.perf_counter() - start)} {quality}"


def finished(work: Work) -> Work:
    """The work, whose calls wait for a GPU of PyTorch's where it has one: JAX's wait themselves."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return work

    def call():
        work.call()
        torch.cuda.synchronize()

    return work._replace(call=call)


def main(name: str, label: str, case: str, devices: str = "2") -> None:
    """Prepares the contender, on `devices` where it uses several, and answers until stdin ends."""
    loop = LOOPS[name]
    (contender,) = (each for each in loop.contenders if each.named(int(devices)) == label)
    machine.prepare(1 if contender.devices == 1 else int(devices))
    with contextlib.redirect_stdout(sys.stderr):  # what an experiment prints is no answer
        work = contender.prepare(loop.cases[case])
    for answer in answers(finished(work), sys.stdin):
        print(answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
