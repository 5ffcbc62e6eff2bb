import io

import numpy as np
import pytest
from PIL import Image

from jaxgen.report.canvas import rendered
from jaxgen.report.galleries import gallery
from jaxgen.report.page import FULL

pytest.importorskip("matplotlib")


def pixels(*arguments):
    with Image.open(io.BytesIO(rendered(gallery, *arguments))) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(("columns", "depth"), [(3, ()), (9, (1,)), (3, (3,))])
def test_gallery_keeps_pixels(columns, depth):
    images = np.random.default_rng(0).integers(100, 200, (7, 5, 4, *depth), np.uint8)
    captions = [f"n {n}\n{n} %" for n in range(7)]
    assert [text.get_text() for text in gallery(images, captions, columns).texts if text.get_text()] == captions
    page = pixels(images, [""] * 7, columns)
    assert np.array_equal(page, pixels(images.astype(np.float32) / 255, [""] * 7, columns))
    inside = (page < 255).any(-1)
    rows, across = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert (len(rows), len(across)) == (-(-7 // min(columns, 7)) * 5 * 16, min(columns, 7) * 4 * 16)
    found = page[np.ix_(rows[8::16], across[8::16])].reshape(-1, 5, len(across) // 64, 4, 3).transpose(0, 2, 1, 3, 4)
    expected = np.broadcast_to(images.reshape(7, 5, 4, -1), (7, 5, 4, 3))
    assert np.array_equal(found.reshape(-1, 5, 4, 3)[:7], expected)
    assert (found.reshape(-1, 5, 4, 3)[7:] == 255).all()  # the rest of a last row


@pytest.mark.ci
def test_gallery_makes_large_images_small():
    assert pixels(np.zeros((8, 700, 600, 3)), ["a long caption for it"] * 8, 8).shape[1] == 2 * FULL
    for images, captions, columns in [(np.zeros((2, 3, 3)), ["a"], 1), ([], [], 1), (np.zeros((1, 3, 3)), ["a"], 0)]:
        with pytest.raises(ValueError, match="expected images"):
            gallery(images, captions, columns)
    with pytest.raises(ValueError, match="expected an image"):
        gallery(np.zeros((1, 3, 3, 2)), ["a"], 1)
