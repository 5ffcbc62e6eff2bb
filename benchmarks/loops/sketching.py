"""Drawing with Sketch-RNN's decoder, an LSTM of 256 units and 20 mixtures, codes of 64 dimensions: points a second of
one drawing, or of 64 at once, at temperature 0.8, from the same random weights. Each is drawn to its longest, 100
points, whether the pen has ended or not.

Quality: the root mean square of all offsets. PyTorch's loop is a `LSTMCell`, all drawings of a step side by side,
inference mode.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from jaxgen.nets.sketch import SketchRNN
from jaxgen.ops import mixtures, pen
from jaxgen.techniques.strokes import drawing

TEMPERATURE = 0.8


class Sizes(NamedTuple):
    """Of the decoder and of a call."""

    streams: int = 1
    units: int = 256
    latent: int = 64
    components: int = 20
    points: int = 100

    @property
    def amount(self) -> int:
        """Points of a call."""
        return self.streams * self.points


def weights(sizes: Sizes) -> dict[str, np.ndarray]:
    """Those of the decoder; the end of a drawing is never probable, so that all are of one length."""
    rng, inputs, gates = np.random.default_rng(0), pen.STEP + sizes.latent, 4 * sizes.units
    draw = lambda *shape: np.asarray(rng.normal(size=shape) / np.sqrt(shape[0]), np.float32)
    shapes = {"kernel": (inputs, gates), "recurrent": (sizes.units, gates), "begin": (sizes.latent, 2 * sizes.units)}
    drawn = {name: draw(*shape) for name, shape in shapes.items()}
    return {**drawn, "output": draw(sizes.units, 6 * sizes.components + 3)}


NEVER = np.array([0.0, 0.0, -30.0], np.float32)  # added to the logits of the pen's states


def compiled(sizes: Sizes) -> Work:
    """Ours: a scan over points, vmapped over drawings."""
    own, net = weights(sizes), SketchRNN(1, sizes.units, sizes.latent, sizes.components)
    biases = {name: np.zeros(own[name].shape[-1], np.float32) for name in own}
    biases["output"][:3] = NEVER
    layer = {"kernel": own["kernel"], "recurrent": own["recurrent"], "bias": biases["kernel"]}
    dense = {name: {"kernel": own[name], "bias": biases[name]} for name in ("begin", "output")}
    params = jax.tree.map(jnp.asarray, {"layer": layer, **dense})
    nothing = {"strokes": jnp.zeros((sizes.points, 3), jnp.float32), "length": jnp.int32(0)}

    def one(key):
        code_key, draw_key = jax.random.split(key)
        code = jax.random.normal(code_key, (sizes.latent,), jnp.float32)
        return drawing.drawn(net, params, draw_key, code, jnp.float32(TEMPERATURE), nothing, sizes.points)

    draw, last = jax.jit(lambda key: jax.vmap(one)(jax.random.split(key, sizes.streams))["strokes"]), list[Any]()

    def call():
        last[:] = [jax.block_until_ready(draw(jax.random.key(len(last))))]

    return Work(call, sizes.amount, lambda: float(jnp.sqrt(jnp.square(last[0][..., :2]).mean())))


def pytorch(sizes: Sizes) -> Work:
    """The loop that everybody writes, in inference mode."""
    torch = trainers.pytorch()
    own = {name: trainers.tensor(torch, each) for name, each in weights(sizes).items()}
    cell = torch.nn.LSTMCell(pen.STEP + sizes.latent, sizes.units)
    order = [0, 1, 3, 2]  # ours: input, forget, output gate, candidate; theirs: input, forget, candidate, output gate
    turned = lambda w: torch.cat([w.T.chunk(4)[n] for n in order])
    with torch.no_grad():
        cell.weight_ih.copy_(turned(own["kernel"]))
        cell.weight_hh.copy_(turned(own["recurrent"]))
        cell.bias_ih.zero_(), cell.bias_hh.zero_()
    never, last = trainers.tensor(torch, NEVER), list[Any]()

    def call():
        with torch.inference_mode():
            code = torch.randn(sizes.streams, sizes.latent)
            h, c = torch.tanh(code @ own["begin"]).chunk(2, 1)
            before, drawn = torch.tensor([[0.0, 0, 1, 0, 0]]).repeat(sizes.streams, 1), []
            for _ in range(sizes.points):
                h, c = cell(torch.cat([before, code], 1), (h, c))
                out = h @ own["output"]
                state = torch.distributions.Categorical(logits=(out[:, :3] + never) / TEMPERATURE).sample()
                offset = point(torch, out[:, 3:])
                before = torch.cat([offset, torch.nn.functional.one_hot(state, 3).float()], 1)
                drawn.append(offset)
            last[:] = [torch.stack(drawn)]

    return Work(call, sizes.amount, lambda: float(last[0].square().mean().sqrt()))


def point(torch: Any, raw: Any) -> Any:
    """Offsets [B, 2] from outputs [B, 6 M], as `ops.mixtures` draws them."""
    weight, mean_x, mean_y, sigma_x, sigma_y, rho = raw.chunk(6, 1)
    n = torch.distributions.Categorical(logits=weight / TEMPERATURE).sample()[:, None]
    of = lambda each: each.gather(1, n)[:, 0]
    bounded = lambda each: torch.exp(mixtures.WIDEST * torch.tanh(of(each) / mixtures.WIDEST))
    r = mixtures.STRAIGHTEST * torch.tanh(of(rho))
    first, second = torch.randn(2, len(raw))
    noise = torch.stack([first, r * first + torch.sqrt(1 - r * r) * second], 1)
    scale = torch.stack([bounded(sigma_x), bounded(sigma_y)], 1)
    return torch.stack([of(mean_x), of(mean_y)], 1) + TEMPERATURE**0.5 * scale * noise


LOOP = Loop(
    about=__doc__ or "",
    unit="points_per_second",
    cases={"1": Sizes(), "64": Sizes(64)},
    contenders=[Contender("compiled", compiled), Contender("PyTorch", pytorch, ("torch",))],
    column="drawings",
    within=0.3,  # of one drawing, 200 numbers
)
