"""CIFAR-10's frogs: 5,000 to train on and 1,000 to test on, the book's GAN data.

Chollet & Allaire, Deep Learning with R, section 8.5; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from jaxgen.data.examples import Dataset, Examples, dataset, hold_out
from jaxgen.data.formats import npz
from jaxgen.data.images import originals
from jaxgen.data.images.cifar import CLASSES
from jaxgen.data.places import data_folders, first_existing

FROG = CLASSES.index("frog")


def load(data_dir: str = "") -> Dataset:
    """Frogs, [32, 32, 3], 500 of the 5,000 to validate: from cifar10_frogs/frogs.npz, or cut out of `cifar10`.

    Raises:
        Refused: neither is there, or one is damaged.
    """
    path = first_existing([folder / "cifar10_frogs" / "frogs.npz" for folder in data_folders(data_dir)])
    if path:
        return npz.load(path)
    parts = {}
    for split, (image, label) in originals.arrays("cifar10", data_dir).items():
        chosen = label == FROG
        parts[split] = Examples(image[chosen].reshape(chosen.sum(), -1), 0 * label[chosen])
    return dataset("frogs", (32, 32, 3), (), *hold_out(parts["train"]), parts["test"])
