"""Autoencoders, batch 128, on glyphs: training images a second, against the same in PyTorch; and a penalty's cost.

`contractive`: one tied layer of 1,000 sigmoid units, with the closed form of the Jacobian's norm. `denoising`: 1,000
ReLU units, a quarter of the pixels masked. `conv`: two strided convolutions of 16 and 32 channels, 32 linear units, and
back.
Quality: the cross-entropy of the reconstruction, nats an image, averaged over the fifth call: updates 401 to 500 of
dense networks, 241 to 300 of the convolutional one.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.autoencoder import EXPERIMENT


class Sizes(NamedTuple):
    """Of one network and its training."""

    kind: Mapping[str, Any]  # flags of the experiment
    updates: int = 100  # of a call
    batch: int = 128
    latent: int = 1000
    dataset: str = "glyphs"
    loss: str = "cross_entropy"  # the metric that is the quality

    @property
    def amount(self) -> int:
        """Images of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {
            "latent": self.latent,
            "batch_size": self.batch,
            "dataset": self.dataset,
            "learning_rate": 1e-3,
        }
        return {**self.kind, **own}


TIED = {"kind": "contractive", "tied": True}
CASES = {
    "contractive": Sizes({**TIED, "contraction": 0.1}),
    "denoising": Sizes({"kind": "denoising", "corrupted": 0.25}, loss="cross_entropy_restored"),
    "conv": Sizes({"kind": "convolutional", "channels": "16,32"}, 60, latent=32),
}
PENALTY, RATE = 0.1, 1e-3


def sigmoid_layer(torch: Any, sizes: Sizes, pixels: int) -> tuple[list[Any], Callable[[Any], tuple[Any, Any]]]:
    """Parameters, and images [B, D] -> (logits [B, D], penalty [])."""
    layer = torch.nn.Linear(pixels, sizes.latent)
    torch.nn.init.uniform_(layer.weight, *[sign * 4 * (6 / (pixels + sizes.latent)) ** 0.5 for sign in (-1, 1)])
    torch.nn.init.zeros_(layer.bias)
    bias = torch.nn.Parameter(torch.zeros(pixels))

    def forward(x):
        code = torch.sigmoid(layer(x))
        jacobian = ((code * (1 - code)) ** 2 @ (layer.weight**2).sum(1)).mean()
        return torch.nn.functional.linear(code, layer.weight.T, bias), PENALTY * jacobian

    return [*layer.parameters(), bias], forward


def masked(torch: Any, sizes: Sizes, pixels: int) -> tuple[list[Any], Callable[[Any], tuple[Any, Any]]]:
    """As `sigmoid_layer`: an encoder that sees a part of the pixels."""
    nn = torch.nn
    net = nn.Sequential(nn.Linear(pixels, sizes.latent), nn.ReLU(), nn.Linear(sizes.latent, pixels))
    forward = lambda x: (net(x * (torch.rand_like(x) >= sizes.kind["corrupted"])), 0.0)
    return list(net.parameters()), forward


def convolutions(torch: Any, sizes: Sizes, pixels: int) -> tuple[list[Any], Callable[[Any], tuple[Any, Any]]]:
    """As `sigmoid_layer`: strided convolutions, channels last."""
    nn, side = torch.nn, round(pixels**0.5)
    first, second = map(int, sizes.kind["channels"].split(","))
    half, flat = side // 4, second * (side // 4) ** 2
    down = {"kernel_size": 3, "stride": 2, "padding": 1}
    net = nn.Sequential(
        *[nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, first, **down), nn.ReLU()],
        *[nn.Conv2d(first, second, **down), nn.ReLU(), nn.Flatten(), nn.Linear(flat, sizes.latent)],
        *[nn.Linear(sizes.latent, flat), nn.ReLU(), nn.Unflatten(1, (second, half, half))],
        *[nn.ConvTranspose2d(second, first, output_padding=1, **down), nn.ReLU()],
        *[nn.ConvTranspose2d(first, 1, output_padding=1, **down), nn.Flatten()],
    ).to(memory_format=torch.channels_last)
    return list(net.parameters()), lambda x: (net(x), 0.0)


NETWORKS = {"contractive": sigmoid_layer, "denoising": masked, "convolutional": convolutions}


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, Adam fused."""
    torch, images = trainers.pytorch(), trainers.images(sizes.dataset)
    pixels = trainers.tensor(torch, images.train.image)
    params, forward = NETWORKS[sizes.kind["kind"]](torch, sizes, pixels.shape[1])
    optimizer = torch.optim.Adam(params, RATE, fused=True)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def step():
        x = pixels[torch.randint(0, len(pixels), (sizes.batch,))].float() / 255.0
        logits, penalty = forward(x)
        value = cross_entropy(logits, x, reduction="sum") / sizes.batch
        trainers.descended(optimizer, value + penalty)
        return value

    return trainers.eager(step, sizes)


def fused(sizes: Sizes) -> Work:
    """Ours, see `trainers.chunked`."""
    return trainers.chunked(EXPERIMENT, sizes.loss, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="images_per_second",
    cases=CASES,
    contenders=[
        Contender("fused", fused),
        Contender("fused, 2 host devices", fused, devices=2),
        Contender("PyTorch", pytorch, ("torch",)),
    ],
    column="network",
    operations=trainers.operations(EXPERIMENT),
)


def penalised(**flags: Any) -> Callable[[Sizes], Work]:
    """Ours, of the same layer with other flags."""
    return lambda sizes: fused(sizes._replace(kind={**sizes.kind, **flags}))


# What contraction costs: a weight small enough that all reach the same cross-entropy.
LITTLE = {"kind": "contractive", "contraction": 1e-4}
PENALTIES = Loop(
    about="The tied layer of 1,000 sigmoid units, on glyphs: training images a second with the penalty of the Jacobian "
    "and without. Quality: as in training beside PyTorch.",
    unit="images_per_second",
    cases={str(batch): Sizes({"tied": True, "activation": "sigmoid"}, batch=batch) for batch in (128, 256)},
    contenders=[
        Contender("none", penalised()),
        Contender("closed form", penalised(**LITTLE)),
        Contender("one jvp", penalised(**LITTLE, jacobian="hutchinson")),
    ],
    column="batch",
    against={"against_none": "none"},
)
