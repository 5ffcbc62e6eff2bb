"""What is read again of what a run kept."""

import numpy as np
import pytest

from jaxgen.report.items import Still
from jaxgen.run import watched


@pytest.mark.parametrize(("most", "steps"), [(None, [0, 1, 2, 3, 4, 5, 6]), (7, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6])])
def test_of_many_images_some_are_read_at_equal_distances(tmp_path, most, steps):
    for step in range(9):
        watched.keep(tmp_path, step, [Still("step", np.full((2, 2, 3), step, np.uint8))])
    kept = watched.history(tmp_path, "step", 6, most)  # of updates 7 and 8 there is no checkpoint
    assert list(kept) == steps
    assert [image[0, 0, 0] for image in kept.values()] == steps
