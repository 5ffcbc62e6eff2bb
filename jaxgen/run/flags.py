"""The flags that every experiment has, whatever its technique and data."""

import dataclasses
from typing import Any, Literal

from jaxgen.core.config import knob, nested
from jaxgen.core.progress import Policy
from jaxgen.optim.registry import BY_NAME
from jaxgen.optim.settings import Settings
from jaxgen.run.distributed import MACHINE, Processes
from jaxgen.run.experiment import LARGEST

RUN, DATA, TRAINING, OPTIMIZER = "run", "data", "training", "optimiser"  # headings of --help


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """What a run is, besides its data and its technique's Config."""

    workdir: str = knob("", "the run's directory (runs/NAME); the same command again resumes", free=True, group=RUN)
    preset: str = knob("", "a named configuration; flags given beside it win", free=True, group=RUN)
    seed: int = knob(0, "of everything random", lower=0, upper=2**32 - 1, group=RUN)
    log_every: int = knob(100, "steps per dispatch and per line of metrics.jsonl", lower=1, upper=LARGEST, group=RUN)
    eval_every: int = knob(500, "steps between evaluations on the validation split", lower=1, upper=LARGEST, group=RUN)
    checkpoint_every: int = knob(500, "steps between checkpoints", lower=1, upper=LARGEST, free=True, group=RUN)
    norms: bool = knob(
        False, "log norms of gradient (before clipping) and update; slower by up to 15 %", free=True, group=RUN
    )
    profile: str = knob("", "a directory for a trace of three chunks, for XProf or Perfetto", free=True, group=RUN)
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given", free=True, group=DATA)
    export: str = knob(
        "", "write the parameters to this .safetensors file, of a run that is finished too", free=True, group=RUN
    )
    batch_size: int = knob(128, "examples per step", lower=1, upper=LARGEST, group=DATA)
    init_from: str = knob(
        "", "a run's directory (of text, GPT-2's file too) to start from; the best, if kept", free=True, group=TRAINING
    )
    steps: int | None = knob(
        None, "updates in all; more than a run has had go on", lower=1, upper=LARGEST, free=True, group=TRAINING
    )
    epochs: int | None = knob(
        None, "instead of steps: passes over the training split", lower=1, upper=LARGEST, free=True, group=TRAINING
    )
    optimizer: str = knob(
        "adam",
        f"by the textbook: {', '.join(BY_NAME)}; one of optax's: optax.NAME; or your own: MODULE:FUNCTION; "
        "without --learning_rate another one than the preset's has its own default rate",
        group=OPTIMIZER,
    )
    settings: Settings = nested(Settings())
    policy: Policy = nested(Policy())
    keep_best: bool = knob(False, "end with the best parameters of all evaluations, as --patience does", group=TRAINING)
    accumulate: int = knob(
        1, "parts of a batch, computed one by one to save memory", lower=1, upper=LARGEST, free=True, group=TRAINING
    )
    shard: Literal["data", "params"] = knob(
        "data", "what devices split: batches, or parameters and optimiser too", free=True, group=MACHINE
    )
    devices: int = knob(
        0,
        "most devices that split a batch; as many do as divide it; 0: all",
        lower=0,
        upper=2**16,
        free=True,
        group=MACHINE,
    )
    host_devices: int = knob(1, "devices that the CPU counts as", lower=1, upper=64, free=True, group=MACHINE)
    together: Processes = nested(Processes())
    matmul_precision: Literal["default", "float32", "tf32", "bf16"] = knob(
        "default",
        "least precision of products of float32: 6, 3 or 1 passes of bfloat16 on TPUs, TF32 (default) or not on GPUs",
        group=MACHINE,
    )
    deterministic: bool = knob(
        False, "on GPUs, only operations that add in a fixed order: the same bytes", group=MACHINE
    )
    compilation_cache: str = knob(
        "", "a directory to keep compiled programs in; auto: in the cache folder", free=True, group=MACHINE
    )


@dataclasses.dataclass(frozen=True)
class Player:
    """The optimiser of a further player; what is left open is as the first one's."""

    optimizer: str | None = knob(None, "of this player (--optimizer's)", group=OPTIMIZER)
    settings: Settings = nested(Settings())


def players_class(names: tuple[str, ...]) -> type:
    """The class of the flags of further players: a field for each, its knobs behind the player's name."""
    fields: Any = [(name, Player, nested(Player(), f"{name}_")) for name in names]
    return dataclasses.make_dataclass("Players", fields, frozen=True)
