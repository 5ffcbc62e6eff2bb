"""Sets of images as the data of a run, with a judge of what is generated beside them: a classifier, trained first."""

import dataclasses
import shlex

import jax

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.data.images import stacked
from jaxgen.run import image_reader, judges
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.flags import DATA
from jaxgen.run.image_reader import ImageFlags

# What a judge's run has of the run's flags: its images, but all of each class, and the machine of this process.
IMAGES = ("dataset", "data_dir", "classes", "image_size", "resident_mb")
MACHINE = ("devices", "host_devices", "matmul_precision", "deterministic", "compilation_cache")
BATCH = 128  # at most, of the judge's training
LEAST = 6  # images that have a fifth neighbour among each other


@dataclasses.dataclass(frozen=True)
class JudgedFlags(ImageFlags):
    """The flags of a run on images, and by what its samples are judged."""

    judge: str = knob(
        "auto",
        "directory of a run of experiments.classify --network=cnn on the same images, of stacked_mnist on mnist; none: "
        "samples are compared with images themselves; auto: one is trained where there is none, beside --workdir; none "
        "where images have no classes",
        free=True,
        group=DATA,
    )


def judged(flags: JudgedFlags, images: Dataset) -> tuple[JudgedFlags, Dataset]:
    """Flags and images of the judge's training: all images of the run's classes, single digits for stacked ones."""
    if flags.dataset == stacked.NAME:
        flags = dataclasses.replace(flags, dataset=stacked.SINGLE, classes="")
    elif not flags.per_class:
        return flags, images
    flags = dataclasses.replace(flags, per_class=0, draw_seed=None)
    return flags, image_reader.read_dataset(flags)


def judge_of(flags: JudgedFlags, images: Dataset, classifier: Experiment) -> judges.Judge | None:
    """The judge of these images, trained where --judge is auto and there is none; None where there is to be none.

    `classifier` is the experiment that trains it, by its preset `judge`. Raises Refused, see `judges.load_judge`.
    """
    if flags.judge == "none" or (flags.judge == "auto" and len(images.classes) < 2):
        return None
    flags, images = judged(flags, images)
    directory = judges.place(flags.judge, flags.workdir, images.sha256)
    if flags.judge == "auto":
        size = min(BATCH, len(images.train.label))
        argv = ["--preset=judge", f"--workdir={directory}", f"--batch_size={size}"]
        argv += [f"--{name}={getattr(flags, name)}" for name in (*IMAGES, *MACHINE)]
        judges.ensure(directory, lambda: _trained(classifier, argv))
    return judges.load_judge(directory, images.shape, images.classes, images.sha256)


def with_judge(data: Data, flags: JudgedFlags, classifier: Experiment) -> Data:
    """The data with the judge beside them; one of single digits is for the report alone, and only found here.

    Raises Refused, see `judges.load_judge`, where a split has too few images to judge beside, and where there is no
    judge and a batch has one image.
    """
    judge = judge_of(flags, data.examples, classifier)
    if judge is not None:
        print(judges.described(judge))
    elif flags.judge == "auto":
        print("judge: none, as these images are not of 2 classes or more; samples are compared with images themselves")
    if judge is None or flags.dataset == stacked.NAME:
        if flags.batch_size < 2:
            raise Refused("--batch_size=1: samples are compared with the images of a batch, of which there must be 2")
        return data
    held = min(rows.count(split.image) for split in (data.examples.valid, data.examples.test))
    if held < LEAST:
        raise Refused(
            f"--judge={flags.judge}: samples are judged beside the images of a split, of which at least {LEAST} are "
            f"needed, and the smaller of the validation and the test split has {held}; choose --judge=none"
        )
    data = sharing(data, judge=judge.variables)
    return data._replace(facts={**data.facts, "judge_spec": judge.spec})


def _trained(classifier: Experiment, argv: list[str]) -> None:
    """Trains a judge. Raises Refused in one of several processes: checkpoints of a run in a run cannot be written."""
    if jax.process_count() > 1:
        first = shlex.join(["python", "-m", classifier.name, *argv])
        raise Refused(f"several processes train no judge; --judge=none needs none, or train it first: {first}")
    conduct(classifier, argv)
