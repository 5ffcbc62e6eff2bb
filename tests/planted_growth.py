"""An image that is optimised at three growing sizes, each stage starting from the one before: octaves, in short.

As a script it runs the experiment, to be killed.
"""

import dataclasses
import sys

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Technique
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.textbook import adam
from jaxgen.report.items import Still
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Experiment, Watch, shares, stage, updates

SIDES = (2, 4, 8)


@dataclasses.dataclass(frozen=True)
class Config:
    shape: tuple[int, int, int] = (8, 8, 1)
    side: int = 8
    noise: float = knob(0.1, "sd of what each step adds to the image", lower=0.0)
    learning_rate: float = knob(0.05, "of the optimiser", above=0.0)


def resized(image, side):
    return jax.image.resize(image, (*image.shape[:-3], side, side, 1), "linear")


def make(config=Config(), optimizer=adam):
    """A batch is {"image": [B, D]}; the parameters are one image [side, side, 1], which learns their mean."""
    optimizer = optimizer(config.learning_rate)

    def init(key):
        return begin(
            key, jax.random.uniform(jax.random.fold_in(key, 1), (config.side, config.side, 1), jnp.float32), optimizer
        )

    def errors(params, batch):
        target = resized(to_unit(batch["image"]).reshape(-1, *config.shape), len(params))
        return jnp.square(target - params[None]).mean((1, 2, 3))

    def loss(params, carry, key, batch):
        value = errors(params + config.noise * jax.random.normal(key, params.shape, jnp.float32), batch).mean()
        return value, (carry, {"loss": value})

    def example(key):
        return {"image": 255 * jax.random.bernoulli(key, 0.3, (6, 64)).astype(jnp.uint8)}

    evaluate = averaged(lambda state, key, batch: (errors(state.params, batch),), {"error": "mean squared error"})
    return Technique(init, gradient_step(loss, optimizer), evaluate, {}, example, lambda key: {})


def plan(setting):
    """A stage for each of SIDES, which its Config has."""

    def grown(side):
        def adopt(previous, key, arrays):
            state = make(dataclasses.replace(setting.config, side=side), setting.optimizers(1)[0]).init(key)
            return state if previous is None else state._replace(params=resized(previous.params, side))

        return adopt

    steps = shares(updates(setting.flags, setting.data.epoch), len(SIDES))
    return [stage(setting, setting.config, n, grown(side), side=side) for n, side in zip(steps, SIDES)]


def adopting_plan(setting):
    """The same, but that the Configs say nothing of it: `adopt` alone chooses the shapes."""
    return [
        each._replace(
            technique=setting.module.make(setting.config, *setting.optimizers(each.steps)), config=setting.config
        )
        for each in plan(setting)
    ]


def tiny(optimizer=adam):
    return {f"growth_{side}": make(Config(side=side), optimizer) for side in (2, 8)}


def look(setting, stages):
    return lambda number, step, state: [Still("image", state.params)]


EXPERIMENT = Experiment(
    name="planted_growth",
    doc=__doc__,
    title="Growth",
    text="",
    technique=sys.modules[__name__],
    data=image_reader.reader(),
    defaults={"dataset": "digits", "steps": 30, "batch_size": 16, "log_every": 2, "eval_every": 4},
    plan=plan,
    watch=Watch(look),
)

if __name__ == "__main__":
    import planted_growth  # by the name under which its runs are read again

    sys.exit(cli.main(planted_growth.EXPERIMENT))
