"""CIFAR-10's frogs: 5,000 to train on and 1,000 to test on, the book's GAN data.

Chollet & Allaire, Deep Learning with R, section 8.5; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from pathlib import Path

from jaxgen.data import npz, originals
from jaxgen.data.cifar import CLASSES
from jaxgen.data.examples import Dataset, Examples, dataset, hold_out

FROG = CLASSES.index("frog")


def load(data_dir: str = "") -> Dataset:
    """Frogs, [32, 32, 3], 500 of the 5,000 to validate: from cifar10_frogs/frogs.npz, or cut out of `cifar10`.

    Raises:
        Refused: neither is there, or one is damaged.
    """
    path = Path(data_dir).expanduser() / "cifar10_frogs" / "frogs.npz"
    if data_dir and path.exists():
        return npz.load(path)
    parts = {}
    for split, (image, label) in originals.arrays("cifar10", data_dir).items():
        chosen = label == FROG
        parts[split] = Examples(image[chosen].reshape(chosen.sum(), -1), 0 * label[chosen])
    return dataset("frogs", (32, 32, 3), (), *hold_out(parts["train"]), parts["test"])
