"""VGG and InceptionV3 in PyTorch, float32 and eager; parameters have the names of torchvision's modules.

Images are [B, 3, H, W]. Rectifiers overwrite what they read, as torchvision's do. Imports PyTorch: for functions only.
"""

import torch
from torch import nn
from torch.nn import functional as F


class VGG(nn.Module):
    """Blocks of so many convolutions; returns the outputs of rectifiers and pooling layers, and logits at the end.

    `pooled`: whether the last block is.
    """

    def __init__(self, depths, classifier=False, pooled=True):
        super().__init__()
        layers, last = [], 3
        for width, depth in zip((64, 128, 256, 512, 512), depths):
            for _ in range(depth):
                layers += [nn.Conv2d(last, width, 3, padding=1), nn.ReLU(inplace=True)]
                last = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers[: None if pooled else -1])
        if classifier:
            hidden = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
            self.classifier = nn.Sequential(*hidden, nn.Dropout(), nn.Linear(4096, 1000))

    def forward(self, x):
        values = []
        for layer in self.features:
            x = layer(x)
            if not isinstance(layer, nn.Conv2d):
                values.append(x)
        if hasattr(self, "classifier"):
            values.append(self.classifier(x.flatten(1)))
        return values


class Basic(nn.Module):
    """A convolution, its norm and its rectifier."""

    def __init__(self, inputs, outputs, size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


WIDE, HIGH = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}


class A(nn.Module):
    """Mixed_5b to 5d, of 35 x 35 pixels."""

    def __init__(self, n, pooled):
        super().__init__()
        self.branch1x1 = Basic(n, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Basic(n, 48, 1), Basic(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Basic(n, 64, 1), Basic(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Basic(96, 96, 3, padding=1)
        self.branch_pool = Basic(n, pooled, 1)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(F.avg_pool2d(x, 3, 1, 1))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, pooled], 1)


class B(nn.Module):
    """Mixed_6a, which halves them."""

    def __init__(self, n):
        super().__init__()
        self.branch3x3 = Basic(n, 384, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Basic(n, 64, 1), Basic(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Basic(96, 96, 3, 2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class C(nn.Module):
    """Mixed_6b to 6e, of 17 x 17 pixels."""

    def __init__(self, w):
        super().__init__()
        self.branch1x1 = Basic(768, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = Basic(768, w, 1), Basic(w, w, **WIDE)
        self.branch7x7_3 = Basic(w, 192, **HIGH)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Basic(768, w, 1), Basic(w, w, **HIGH)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Basic(w, w, **WIDE), Basic(w, w, **HIGH)
        self.branch7x7dbl_5 = Basic(w, 192, **WIDE)
        self.branch_pool = Basic(768, 192, 1)

    def forward(self, x):
        one = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), one, double, self.branch_pool(F.avg_pool2d(x, 3, 1, 1))], 1)


class D(nn.Module):
    """Mixed_7a, which halves them."""

    def __init__(self):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Basic(768, 192, 1), Basic(192, 320, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Basic(768, 192, 1), Basic(192, 192, **WIDE)
        self.branch7x7x3_3, self.branch7x7x3_4 = Basic(192, 192, **HIGH), Basic(192, 192, 3, 2)

    def forward(self, x):
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class E(nn.Module):
    """Mixed_7b and 7c, of 8 x 8 pixels."""

    def __init__(self, n):
        super().__init__()
        wide, high = {"size": (1, 3), "padding": (0, 1)}, {"size": (3, 1), "padding": (1, 0)}
        self.branch1x1, self.branch3x3_1 = Basic(n, 320, 1), Basic(n, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Basic(384, 384, **wide), Basic(384, 384, **high)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Basic(n, 448, 1), Basic(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Basic(384, 384, **wide), Basic(384, 384, **high)
        self.branch_pool = Basic(n, 192, 1)

    def forward(self, x):
        one, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(one), self.branch3x3_2b(one)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        return torch.cat([*parts, self.branch_pool(F.avg_pool2d(x, 3, 1, 1))], 1)


class InceptionV3(nn.Module):
    """Without the auxiliary classifier and the transformation of its input."""

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Basic(3, 32, 3, 2), Basic(32, 32, 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1 = Basic(32, 64, 3, padding=1), Basic(64, 80, 1)
        self.Conv2d_4a_3x3 = Basic(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a = A(192, 32), A(256, 64), A(288, 64), B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = C(128), C(160), C(160), C(192)
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = D(), E(1280), E(2048)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x, upto=10):
        """The outputs of the first `upto` + 1 mixed blocks; after the last, logits as well."""
        x = F.max_pool2d(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, 2)
        x, values = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2), []
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")[: upto + 1]:
            x = getattr(self, f"Mixed_{name}")(x)
            values.append(x)
        return values if upto < 10 else [*values, self.fc(x.mean((2, 3)))]
