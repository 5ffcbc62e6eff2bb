"""A promise of every technique: it runs on accelerators that this machine need not have."""

import jax
import jax.numpy as jnp
from contract import count, jitted, start


def lowers_for_accelerators(technique):
    """`init`, `step`, `evaluate` and `infer` become programs of GPUs and TPUs."""
    state, batch = start(technique)
    fold, key = technique.evaluate, jax.random.key(0)
    programs = {"init": (technique.init, key), "step": (technique.step, state, batch)}
    for name, x in jitted(technique.inputs)(key).items():
        programs[f"infer[{name!r}]"] = (technique.infer[name], state, key, x)
    if fold.definitions:
        mask = jnp.ones(count(technique, batch), bool)
        programs["evaluate"] = (fold.add, state, key, fold.start(), batch, mask)
    for name, (function, *arguments) in programs.items():
        try:
            jitted(function).trace(*arguments).lower(lowering_platforms=("cuda", "tpu"))
        except NotImplementedError as error:
            raise AssertionError(f"{name} is no program of a GPU and a TPU: {error}") from error
