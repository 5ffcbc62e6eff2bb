"""The VAE, batch 128, on glyphs: training images a second, against the same network in PyTorch.

Quality: the loss, nats per image (greyscale cross-entropy + KL), averaged over the fifth call: updates 401 to 500
of the MLP, 41 to 50 of the convolutional network.

On two cores of an AMD EPYC without AVX-512 (2026-11-30) the MLP is 1.3 times as fast as PyTorch's, and with one
contender after the other 1.6. In a trace of 300 updates its five large products take 4.7 of an update's 6.2 ms, at 109
GFLOP/s where large square ones reach 143 to 182; one of them, the gradient in the decoder's hidden units, whose weights
are read by columns, takes 1.6 ms, where the same product forwards takes 0.9. Without YNNPACK
(--xla_cpu_experimental_ynn_fusion_type=) the MLP is 0.99 to 1.2 times as fast, and the LSTM-512 takes twice as long.
With AVX-512 (2026-12-01) it is 1.42 times as fast as PyTorch's. The kernels' gradients, whose sums are over the batch
of 128, reach 106 of 208 GFLOP/s there; with x^T copied first, as in `ops.dense.linear`, 161 alone, and the whole step
was no faster: 35,700 images a second, 37,900 without. The convolutional network is at 0.92 with `core.compiling`; in a
trace convolutions and products, loops over parts of the batch included, have half of its time, passes that hold neither
45 %.
"""

from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.vae import EXPERIMENT


class Sizes(NamedTuple):
    """Of one network and its training."""

    network: str  # mlp: D-hidden-latent and back; conv: Chollet & Allaire, section 8.4
    updates: int  # of a call
    batch: int = 128
    hidden: int = 512
    latent: int = 2
    dataset: str = "glyphs"

    @property
    def amount(self) -> int:
        """Images of a call."""
        return self.updates * self.batch

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {name: value for name, value in self._asdict().items() if name not in ("updates", "batch")}
        return {**own, "batch_size": self.batch}


def networks(torch: Any, sizes: Sizes, shape: tuple[int, int, int]) -> list[Any]:
    """PyTorch's encoder and decoder of images [B, D]."""
    nn, (height, width, channels), code = torch.nn, shape, 2 * sizes.latent
    pixels = height * width * channels
    if sizes.network == "mlp":
        ends, hidden = ((pixels, code), (sizes.latent, pixels)), sizes.hidden
        return [nn.Sequential(nn.Linear(a, hidden), nn.ReLU(), nn.Linear(hidden, b)) for a, b in ends]
    half, relu = (64, height // 2, width // 2), nn.ReLU
    flat = 64 * (height // 2) * (width // 2)
    encoder = nn.Sequential(
        nn.Unflatten(1, (channels, height, width)),
        *[nn.Conv2d(channels, 32, 3, padding=1), relu(), nn.Conv2d(32, 64, 3, stride=2, padding=1), relu()],
        *[nn.Conv2d(64, 64, 3, padding=1), relu(), nn.Conv2d(64, 64, 3, padding=1), relu()],
        *[nn.Flatten(), nn.Linear(flat, 32), relu(), nn.Linear(32, code)],
    )
    decoder = nn.Sequential(
        *[nn.Linear(sizes.latent, flat), relu(), nn.Unflatten(1, half)],
        *[nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), relu()],
        *[nn.Conv2d(32, channels, 3, padding=1), nn.Flatten()],
    )
    return [part.to(memory_format=torch.channels_last) for part in (encoder, decoder)]


def pytorch(sizes: Sizes) -> Work:
    """As its users write it: eager, float32, all cores, convolutions channels-last, Adam fused.

    Of torch's three Adams, in turn in one process: mlp 5.3 ms a step fused, 6.2 foreach, 6.4 one by one; conv 128, 137,
    129. (Medians of 12 and 5 calls; torch 2.13.0+cpu, 2 cores of an AMD EPYC, 2026-11-20.)
    """
    torch, images = trainers.pytorch(), trainers.images(sizes.dataset)
    encoder, decoder = networks(torch, sizes, images.shape)
    pixels = trainers.tensor(torch, images.train.image)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def step():
        x = pixels[torch.randint(0, len(pixels), (sizes.batch,))].float() / 255.0
        mean, log_var = encoder(x).chunk(2, dim=-1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = 0.5 * (log_var.exp() + mean**2 - 1.0 - log_var).sum()
        loss = (cross_entropy(decoder(z), x, reduction="sum") + kl) / sizes.batch
        return trainers.descended(optimizer, loss)

    return trainers.eager(step, sizes)


LOOP = Loop(
    about=__doc__ or "",
    unit="images_per_second",
    cases={"mlp": Sizes("mlp", 100), "conv": Sizes("conv", 10)},
    contenders=[
        *trainers.contenders(EXPERIMENT, "loss_greyscale", first_program=True),
        Contender("PyTorch", pytorch, ("torch",)),
    ],
    column="network",
    within=0.2,  # fifty updates of convolutions depend on where they start
    operations=trainers.operations(EXPERIMENT),
)
