"""The files in which weights trained on ImageNet are published: names, addresses, sizes and digests.

Digests are as published: the md5 that Keras's own code compares (keras/src/applications/*.py; no sha256 of these files
is published), the sha256 whose first eight digits stand in the names of torchvision's files, and the sha256 of the file
of SqueezeNet whose md5, 80b66c92d79d4310e07fb60a297bf0d1, is the published one.
"""

from typing import NamedTuple

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
TORCH = "https://download.pytorch.org/models"
SQUEEZENET = "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0"  # that of Keras has none
ENDING = "weights_tf_dim_ordering_tf_kernels"


class File(NamedTuple):
    """A published file."""

    name: str
    folder: str  # its address without the name
    size: int | None  # in bytes
    digest: str  # see `data.download.Source`; "" where none is published, and the file is then not downloaded
    top: bool  # whether it has the dense layers or the classifier at the end

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.folder}/{self.name}"


def _keras(network: str, size: int, md5: str, top: bool) -> File:
    return File(f"{network}_{ENDING}{'' if top else '_notop'}.h5", f"{KERAS}/{network}", size, f"md5:{md5}", top)


def _torch(name: str, size: int, sha256: str) -> File:
    return File(f"{name}-{sha256[:8]}.pth", TORCH, size, sha256, True)


FILES: dict[str, tuple[File, ...]] = {  # by network, in order of preference
    "vgg16": (
        _keras("vgg16", 58_889_256, "6d6bbae143d832006294945121d1f1fc", top=False),
        _keras("vgg16", 553_467_096, "64373286793e3c8b2b4e3219cbf3544b", top=True),
        _torch("vgg16", 553_433_881, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    ),
    "vgg19": (
        _keras("vgg19", 80_134_624, "253f8cb515780f3b799900260a226db6", top=False),
        _keras("vgg19", 574_710_816, "cbe5617147190e668d6c5d5026f83318", top=True),
        _torch("vgg19", 574_673_361, "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    ),
    "inception_v3": (
        _keras("inception_v3", 87_910_968, "bcbd6486424b2319ff4ef7d526e38f63", top=False),
        _keras("inception_v3", 96_112_376, "9a0d58056eeedaa3f26cb7ebd46da564", top=True),
        _torch("inception_v3_google", 108_949_747, "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef"),
    ),
    "squeezenet": (
        File(
            f"squeezenet_{ENDING}_notop.h5",
            SQUEEZENET,
            3_002_560,
            "17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
            top=False,
        ),
        File(f"squeezenet_{ENDING}.h5", SQUEEZENET, None, "", top=True),
        _torch("squeezenet1_1", 4_958_839, "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"),
    ),
}
