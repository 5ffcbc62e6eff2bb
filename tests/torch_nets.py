"""SqueezeNet v1.1 in PyTorch, whose parameters have the names of torchvision's modules, beside VGG and InceptionV3."""

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.torch_networks import VGG, InceptionV3

__all__ = ["VGG", "InceptionV3", "SqueezeNet"]


class Fire(nn.Module):
    def __init__(self, inputs, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self, ragged):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=ragged)
        one = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool()]
        two = [Fire(128, 32, 128), Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192)]
        self.features = nn.Sequential(*one, *two, Fire(384, 64, 256), Fire(512, 64, 256))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        values = []
        for layer in self.features:
            x = layer(x)
            values.append(x)
        return [*values[1:], self.classifier(x).flatten(1)]
