"""The GAN of the book, batch 20: real images a second that both players were trained on, against PyTorch.

Images are as large as its frogs, 32 x 32 x 3: glyphs, three of them as the channels of each.
Quality: the critic's loss, binary cross-entropy with noisy labels, averaged over the fifth call, updates 9 and 10.
"""

import atexit
import functools
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.gan import EXPERIMENT
from jaxgen.data import rows
from jaxgen.data.images import sets

CLIP = 1e-7  # of probabilities


class Sizes(NamedTuple):
    """Of the networks and their training."""

    updates: int = 2  # of a call
    batch: int = 20
    latent: int = 32
    width: int = 256

    @property
    def amount(self) -> int:
        """Images of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {"latent": self.latent, "width": self.width, "batch_size": self.batch, "dataset": glyphs_in_colour()}
        return {"preset": "chollet", "judge": "none", **own}


@functools.cache
def glyphs_in_colour() -> str:
    """Path of the images [N, 32, 32, 3], which is deleted when the process ends."""
    glyphs = trainers.images("glyphs")
    image = rows.read(glyphs.train.image, slice(None)).reshape(-1, *glyphs.shape[:2])
    channels = np.stack([np.roll(image, n, axis=0) for n in range(3)], axis=-1)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "glyphs.npz"
    np.savez(path, images=np.pad(channels, ((0, 0), (2, 2), (2, 2), (0, 0))))
    return str(path)


def networks(torch: Any, sizes: Sizes, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """PyTorch's generator and critic of images [B, C, H, W], channels last, from the same distribution as ours."""
    nn, (height, width, channels), wide = torch.nn, shape, sizes.width
    leaky, half = lambda: nn.LeakyReLU(0.3), (sizes.width // 2, height // 2, width // 2)
    same = lambda a, b, kernel: nn.Conv2d(a, b, kernel, padding=kernel // 2)
    generator = nn.Sequential(
        *[nn.Linear(sizes.latent, half[0] * half[1] * half[2]), leaky(), nn.Unflatten(1, half)],
        *[same(half[0], wide, 5), leaky(), nn.ConvTranspose2d(wide, wide, 4, stride=2, padding=1), leaky()],
        *[same(wide, wide, 5), leaky(), same(wide, wide, 5), leaky(), same(wide, channels, 7), nn.Tanh()],
    )
    down = [part for _ in range(3) for part in (nn.Conv2d(half[0], half[0], 4, stride=2), leaky())]
    critic = nn.Sequential(
        nn.Conv2d(channels, half[0], 3), leaky(), *down, nn.Flatten(), nn.Dropout(0.4), nn.LazyLinear(1)
    )
    critic(torch.zeros(2, channels, height, width))
    for part in (*generator, *critic):  # as Keras begins
        if hasattr(part, "weight"):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)
    return tuple(net.to(memory_format=torch.channels_last) for net in (generator, critic))


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, channels last, RMSprop of all parameters at once (foreach)."""
    torch, images = trainers.pytorch(), sets.load(glyphs_in_colour())
    (height, width, channels), pixels = images.shape, trainers.tensor(torch, images.train.image)
    generator, critic = networks(torch, sizes, images.shape)
    players = [
        (net, torch.optim.RMSprop(net.parameters(), rate, alpha=0.9, eps=1e-7, foreach=True))
        for net, rate in ((generator, 4e-4), (critic, 8e-4))
    ]
    cross_entropy = lambda p, t: -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    probability = lambda x: torch.sigmoid(critic(x)[:, 0]).clamp(CLIP, 1 - CLIP)
    code = lambda: torch.randn(sizes.batch, sizes.latent)

    def moved(player, loss):
        net, optimizer = player
        optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=list(net.parameters()))
        torch.nn.utils.clip_grad_value_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    number = 0

    def step():
        nonlocal number
        first = number * sizes.batch % (len(pixels) // sizes.batch * sizes.batch)
        number += 1
        real = (
            pixels[first : first + sizes.batch].float().reshape(-1, height, width, channels).permute(0, 3, 1, 2) / 255
        )
        with torch.no_grad():
            fake = generator(code())
        target = torch.cat([torch.zeros(sizes.batch), torch.ones(sizes.batch)])
        target = 1 - target - 0.05 * torch.rand(2 * sizes.batch)  # 1 is real here
        loss = moved(players[1], cross_entropy(probability(torch.cat([real, fake])), target))
        moved(players[0], cross_entropy(probability(generator(code())), torch.ones(sizes.batch)))
        return loss

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="images_per_second",
    cases={"": Sizes()},
    contenders=[*trainers.contenders(EXPERIMENT, "critic_loss"), Contender("PyTorch", pytorch, ("torch",))],
    within=0.3,  # ten updates of a game depend on where they start
    operations=trainers.operations(EXPERIMENT),
)
