"""Which images of a set a run reads."""

import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.run.image_reader import ImageFlags, read_dataset


def test_a_few_images_of_each_class_are_drawn_by_the_runs_seed():
    drawn = lambda **flags: read_dataset(ImageFlags(dataset="digits", per_class=2, **flags)).train.image
    assert not np.array_equal(drawn(seed=1), drawn(seed=2))
    assert np.array_equal(drawn(seed=1, draw_seed=5), drawn(seed=2, draw_seed=5))
    with pytest.raises(Refused, match="--draw_seed is for the images of --per_class"):
        read_dataset(ImageFlags(dataset="digits", draw_seed=5))
