"""CIFAR-10's 6,000 frogs, the data of the GAN in Chollet & Allaire's book.

Chollet & Allaire, Deep Learning with R, section 8.5; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from jaxgen.data.examples import Dataset, Examples, dataset, hold_out
from jaxgen.data.formats import npz
from jaxgen.data.images import originals
from jaxgen.data.images.cifar import CLASSES
from jaxgen.data.places import data_folders, first_existing

FROG = CLASSES.index("frog")


def load(data_dir: str = "") -> Dataset:
    """Frogs [32, 32, 3]: 4,500 for training, 500 for validation, 1,000 for the test.

    They are read from cifar10_frogs/frogs.npz, or selected from `cifar10`.

    Raises:
        Refused: both are missing, or one is damaged.
    """
    path = first_existing([folder / "cifar10_frogs" / "frogs.npz" for folder in data_folders(data_dir)])
    if path:
        return npz.npz_dataset(path)
    parts = {}
    for split, (image, label) in originals.original_arrays("cifar10", data_dir).items():
        frogs = label == FROG
        parts[split] = Examples(image[frogs].reshape(frogs.sum(), -1), 0 * label[frogs])
    return dataset("frogs", (32, 32, 3), (), *hold_out(parts["train"]), parts["test"])
