"""Style transfer with real weights: as low as scipy at equal evaluations, and how near to style and content.

python -m pytest -m slow -s tests/techniques/test_style_real.py        prints what it measured
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from experiments import style as experiment
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.lbfgs import lbfgs
from jaxgen.run.conduct import read
from jaxgen.run.parsing import parse
from jaxgen.techniques.imagery import style, style_objective

REAL = os.environ.get("JAXGEN_DATA", "")
pytestmark = [
    *[pytest.mark.slow, pytest.mark.needs_data],
    pytest.mark.skipif(not os.path.isdir(os.path.join(REAL, "images")), reason="JAXGEN_DATA has no images"),
]
HEIGHT, UPDATES = 64, 60
IMAGES = "--content=images/content/tubingen.jpg --style=images/style/starry_night.jpg"


def of_scipy(slope, start):
    """The least loss up to each evaluation of scipy's, which nothing but their number ends."""
    losses = []

    def function(x):
        value, gradient = slope(jnp.asarray(x.reshape(start.shape), jnp.float32))
        losses.append(float(value))
        return float(value), np.asarray(gradient, np.float64).ravel()

    options = {"maxfun": UPDATES, "maxiter": UPDATES, "ftol": 0.0, "gtol": 0.0}
    scipy.optimize.minimize(function, np.ravel(start), jac=True, method="L-BFGS-B", options=options)
    assert len(losses) >= UPDATES
    return np.minimum.accumulate(losses[:UPDATES])


@pytest.mark.parametrize("preset", ["vgg19_block3", "squeezenet"])
def test_as_low_as_scipy_and_near_to_both_images(preset):
    parsed = parse(experiment.EXPERIMENT, [f"--preset={preset}", f"--height={HEIGHT}", *IMAGES.split()])
    setting = read(experiment.EXPERIMENT, parsed)
    config, batch = setting.config, {"image": setting.data.examples.content[None], **setting.data.train.shared}
    content = np.asarray(to_unit(batch["image"][0]))
    measure = jax.jit(lambda batch, x: style_objective.losses(config, batch, x))
    slope = jax.jit(jax.value_and_grad(lambda x, batch: style_objective.losses(config, batch, x)[0]))
    theirs = of_scipy(lambda x: slope(x, batch), content)
    technique = style.make(config, lbfgs)
    run = jax.jit(lambda s, batch: jax.lax.scan(lambda s, _: technique.step(s, batch), s, length=UPDATES))
    state, _ = run(style.begun(config, lbfgs, jax.random.key(0), jnp.asarray(content)), batch)
    (_, first), (last_loss, last) = measure(batch, content), measure(batch, state.carry["shown"])
    _, random = measure(batch, np.random.default_rng(0).uniform(size=content.shape).astype(np.float32))
    near, far = float(last["style"] / first["style"]), float(last["content"] / random["content"])
    print(f"\n{preset}, {content.shape}, {UPDATES} evaluations: loss {last_loss:.5g}, scipy {theirs[-1]:.5g}; ", end="")
    print(f"style {near:.2%} of the content image's, content {far:.1%} of noise's")
    assert last_loss <= 1.02 * theirs[-1]
    assert near < 0.1  # of 64 rows after 60 updates; what more of both give: experiments/results/style.md
    assert far < 0.5
