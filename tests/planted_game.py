"""Two linear players, a frozen judge and chains as long as a batch: what a GAN asks of the contract, very small.

B    images in a batch
D    pixels
Z    dimensions of a chain
F    features of the judge
"""

import dataclasses

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import descend, started
from jaxgen.core.types import State, Technique
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.textbook import adam


@dataclasses.dataclass(frozen=True)
class Config:
    shape: tuple[int, int, int] = (4, 4, 1)
    batch: int = 8
    latent: int = knob(2, "dimensions of a chain", lower=1)
    learning_rate: float = knob(1e-2, "of the generator", above=0.0)
    critic_learning_rate: float = knob(3e-2, "of the critic", above=0.0)


def judge(pixels, seed=0):
    """The frozen network: features of images, [D, 3]."""
    return {"kernel": jax.random.normal(jax.random.key(seed), (pixels, 3), jnp.float32)}


def make(config=Config(), optimizer=adam, critic_optimizer=adam):
    """A batch is {"image": [B, D], "judge": {"kernel": [D, F]}}; the chains move by a random walk in each step."""
    height, width, channels = config.shape
    pixels, chains = height * width * channels, (config.batch, config.latent)
    ours, theirs = optimizer(config.learning_rate), critic_optimizer(config.critic_learning_rate)

    def init(key):
        state_key, generator_key, critic_key, chain_key = jax.random.split(key, 4)
        params = {
            "generator": 0.1 * jax.random.normal(generator_key, (config.latent, pixels), jnp.float32),
            "critic": 0.1 * jax.random.normal(critic_key, (3,), jnp.float32),
        }
        opt = {"generator": started(ours, params["generator"]), "critic": started(theirs, params["critic"])}
        carry = {"chain": jax.random.normal(chain_key, chains, jnp.float32), "steps": jnp.zeros((), jnp.float32)}
        return State(jnp.zeros((), jnp.int32), state_key, params, opt, carry)

    def score(critic, batch, image):
        return jnp.tanh(to_unit(image) @ batch["judge"]["kernel"] @ critic)

    def step(state, batch):
        key = jax.random.fold_in(state.key, state.step)
        chain = 0.9 * state.carry["chain"] + 0.4 * jax.random.normal(key, chains, jnp.float32)
        generator, critic = state.params["generator"], state.params["critic"]

        def wins(critic):
            gap = score(critic, batch, chain @ generator).mean() - score(critic, batch, batch["image"]).mean()
            return gap + 0.1 * jnp.sum(critic**2), gap

        def fools(generator):
            value = -score(critic, batch, chain @ generator).mean()
            return value, value

        critic, critic_opt, gap = descend(wins, theirs, critic, state.opt["critic"])
        generator, generator_opt, value = descend(fools, ours, generator, state.opt["generator"])
        params = {"generator": generator, "critic": critic}
        opt = {"generator": generator_opt, "critic": critic_opt}
        carry = {"chain": chain, "steps": state.carry["steps"] + 1}
        return State(state.step + 1, state.key, params, opt, carry), {"loss": value, "gap": gap}

    def measure(state, key, batch):
        samples = jax.random.normal(key, (len(batch["image"]), config.latent), jnp.float32) @ state.params["generator"]
        distance = (samples - to_unit(batch["image"])) @ batch["judge"]["kernel"]
        return (jnp.square(distance).sum(-1),)

    def sample(state, key, z):
        """One code [Z] to an image [D]."""
        return z @ state.params["generator"]

    def example(key):
        image = 255 * jax.random.bernoulli(key, 0.3, (config.batch, pixels)).astype(jnp.uint8)
        return {"image": image, "judge": judge(pixels)}

    def inputs(key):
        return {"sample": jax.random.normal(key, (config.latent,), jnp.float32)}

    definitions = {"distance": "squared distance of a sample and an image in the judge's features"}
    evaluate = averaged(measure, definitions)._replace(improves=False)
    return Technique(init, step, evaluate, {"sample": sample}, example, inputs, ("chain",), ("judge",))


def tiny(optimizer=adam):
    # More pixels and features than images, so that no axis tells by its length what it is.
    return {"game": make(Config(shape=(5, 4, 1), batch=4), optimizer, optimizer)}
