"""The CNN, batch 128, on glyphs: training images a second, against the same network in PyTorch.

Two blocks of convolution, batch normalisation, ReLU and pooling; a normalised hidden layer; the logits of 47 classes.
Quality: the loss, nats per image, averaged over the fifth call of 20 updates.

On two cores of an AMD EPYC with AVX-512 (2026-12-01) the race ended at 0.83 with XLA's default, which gives
convolutions to one core, and at 0.92 with `core.compiling`. In a trace of 60 updates without YNNPACK's convolutions,
one takes 35 ms, PyTorch's 30: 17 are passes over arrays as large as [128, 28, 28, 32] that hold no product, for batch
normalisation, ReLU, pooling and patches, forwards and backwards; 8 are products, the kernels' gradients among them;
convolutions have the rest.
"""

from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.classify import EXPERIMENT


class Sizes(NamedTuple):
    """Of the network and its training."""

    channels: tuple[int, ...] = (32, 64)
    hidden: int = 128
    batch: int = 128
    updates: int = 20  # of a call
    dataset: str = "glyphs"

    @property
    def amount(self) -> int:
        """Images of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        widths = {"channels": ",".join(map(str, self.channels)), "hidden": str(self.hidden)}
        return {
            "network": "cnn",
            "batch_norm": True,
            "batch_size": self.batch,
            "dataset": self.dataset,
            **widths,
        }


def network(torch: Any, sizes: Sizes, shape: tuple[int, int, int], classes: int) -> Any:
    """PyTorch's network: images [B, C, H, W] to logits [B, classes]. Kernels begin as ours, by He et al. 2015."""
    nn, (height, width, inputs), layers = torch.nn, shape, []
    for outputs in sizes.channels:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        height, width, inputs = height // 2, width // 2, outputs
    layers += [nn.Flatten(), nn.Linear(inputs * height * width, sizes.hidden, bias=False)]
    layers += [nn.BatchNorm1d(sizes.hidden), nn.ReLU(), nn.Linear(sizes.hidden, classes)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, channels-last, Adam fused."""
    torch, images = trainers.pytorch(), trainers.images(sizes.dataset)
    height, width, channels = images.shape
    model = network(torch, sizes, images.shape, len(images.classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    pixels = trainers.tensor(torch, images.train.image).reshape(-1, height, width, channels).permute(0, 3, 1, 2)
    labels = trainers.tensor(torch, images.train.label).long()

    def step():
        chosen = torch.randint(0, len(pixels), (sizes.batch,))
        x = (pixels[chosen].float() / 255).contiguous(memory_format=torch.channels_last)
        loss = torch.nn.functional.cross_entropy(model(x), labels[chosen])
        return trainers.descended(optimizer, loss)

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="images_per_second",
    cases={"": Sizes()},
    contenders=[
        *trainers.contenders(EXPERIMENT, "loss", first_program=True),
        Contender("PyTorch", pytorch, ("torch",)),
    ],
    within=0.2,  # of five seeds each, ours end at 0.222 to 0.240 and PyTorch's at 0.192 to 0.229
    operations=trainers.operations(EXPERIMENT),
)
