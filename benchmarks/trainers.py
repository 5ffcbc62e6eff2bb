"""Training as Work: ours as the experiments run it, and the frame of PyTorch's loops.

A case's sizes have `updates`, of a call, `amount`, of the loop's work in a call, and `flags()`, those of the
experiment. The quality is the training loss averaged over the updates of the call number CALLS.
"""

import functools
import importlib.util
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contender import Contender, Work
from benchmarks.operations import counted
from jaxgen.core import loop
from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.files import write_whole
from jaxgen.core.types import Stage
from jaxgen.data.images import sets
from jaxgen.run import conduct, machine
from jaxgen.run.experiment import LARGEST, Experiment, Setting
from jaxgen.run.parsing import parse

CALLS = 5


def dataset(name: str, count: int = 4096, classes: int = 47) -> str:
    """The name, or the path of noise of the glyphs' shape where matplotlib, which draws them, is not installed."""
    if name != "glyphs" or importlib.util.find_spec("matplotlib"):
        return name
    path, draw = Path(tempfile.gettempdir()) / "jaxgen_noise.npz", np.random.default_rng(0)
    if not path.exists():
        images, labels = draw.integers(0, 256, (count, 28, 28), np.uint8), draw.integers(0, classes, count)
        file = io.BytesIO()
        np.savez(file, images=images, labels=labels)
        write_whole(path, file.getvalue())
    return str(path)


def images(name: str) -> sets.Dataset:
    """What the experiments read of that name."""
    return sets.load(dataset(name))


def setting(experiment: Experiment, flags: Mapping[str, Any]) -> Setting:
    """A run with these flags; without --steps, it never ends."""
    named = {"dataset": dataset(flags["dataset"])} if "dataset" in flags else {}
    argv = [f"--{name}={value}" for name, value in {"steps": LARGEST, **flags, **named}.items()]
    return conduct.read(experiment, parse(experiment, argv))


def stage(experiment: Experiment, flags: Mapping[str, Any]) -> Stage:
    """The one stage of that run, its batches split over all devices."""
    read = setting(experiment, flags)
    (only,) = conduct.on_devices(experiment.plan(read), read.flags)
    return only


def contenders(experiment: Experiment, loss: str, first_program: bool = False) -> list[Contender]:
    """Ours, on one device and on two; `first_program`: also as a first program in JAX does it, see `stepwise`.

    `loss` is the name of the metric that is the quality.
    """
    chunks = functools.partial(chunked, experiment, loss)
    ours = [Contender("fused", chunks), Contender("fused, 2 host devices", chunks, devices=2)]
    return [*ours, *[Contender("jit per step", functools.partial(stepwise, experiment, loss))] * first_program]


def operations(experiment: Experiment) -> Callable[[Any], float]:
    """The function of a case's sizes that a Loop of this experiment's training has as `operations`."""

    def per_unit(sizes):
        only, number = stage(experiment, sizes.flags()), jax.ShapeDtypeStruct((), jnp.int32)
        taken = lambda arguments, n: training_batch(functions_of(only.source), arguments, None, jax.random.key(0), n)
        batch = jax.eval_shape(taken, arrays_of(only.source), number)
        state = jax.eval_shape(only.technique.init, jax.random.key(0))
        return sizes.updates * counted(only.technique.step, state, batch) / sizes.amount

    return per_unit


def chunked(experiment: Experiment, loss: str, sizes: Any) -> Work:
    """Chunks by `core.loop.train`, one a call, as `python -m experiments.NAME` trains."""
    last: dict[str, float] = {}
    only = stage(experiment, sizes.flags())
    events = loop.train([only], jax.random.key(0), sizes.updates, layout=machine.layout())
    return Work(lambda: last.update(next(events).train), sizes.amount, lambda: last[loss], CALLS)


def stepwise(experiment: Experiment, loss: str, sizes: Any) -> Work:
    """The same updates, each dispatched on its own, nothing donated."""
    only, key, losses = stage(experiment, sizes.flags()), jax.random.key(0), list[jax.Array]()
    step, take = jax.jit(only.technique.step), jax.jit(functools.partial(training_batch, functions_of(only.source)))
    state, arrays, (_, data_key, _) = loop.first_state(only, key), arrays_of(only.source), loop.stage_keys(key, 0)

    def call():
        nonlocal state
        losses.clear()
        for _ in range(sizes.updates):
            state, metrics = step(state, take(arrays, None, data_key, state.step))
            losses.append(metrics[loss])
        jax.block_until_ready(state)

    return Work(call, sizes.amount, lambda: sum(map(float, losses)) / sizes.updates, CALLS)


def eager(step: Callable[[], Any], sizes: Any, scale: float = 1.0) -> Work:
    """PyTorch's `step() -> loss`, called one after the other; the quality is the loss times `scale`."""
    losses: list[Any] = []

    def call():
        losses[:] = [step().detach() for _ in range(sizes.updates)]

    return Work(call, sizes.amount, lambda: scale * sum(map(float, losses)) / sizes.updates, CALLS)


def descended(optimizer: Any, loss: Any) -> Any:
    """The loss, after PyTorch's optimiser has moved down its gradient."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss


def pytorch(threads: int = 0) -> Any:
    """PyTorch, imported now, with so many threads (0: one for every core) and its random numbers begun anew.

    Where it sees a GPU that JAX computes on as well, it makes its tensors there, and its kernels are those that cuDNN
    finds fastest; products of float32 are as JAX has them by default.
    """
    import torch

    torch.set_num_threads(threads or machine.cores())
    if jax.default_backend() == "gpu" and torch.cuda.is_available():
        torch.set_default_device("cuda")
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    return torch


def tensor(torch: Any, array: Any) -> Any:
    """The array in PyTorch, where it makes its tensors."""
    return torch.from_numpy(array).to(torch.get_default_device())
