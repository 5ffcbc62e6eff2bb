import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from prepared import encoded, noise
from refusals import changed, cut

from jaxgen.data.formats import png

pytestmark = pytest.mark.ci
SMOOTH = np.linspace(0, 255, 6 * 5 * 3).astype(np.uint8).reshape(6, 5, 3)


def test_many_files_are_decoded_as_pillow_decodes_each():
    """And what is encoded here, Pillow decodes."""
    for channels in (1, 3):
        images = np.concatenate([noise(20, 6, 5, channels), SMOOTH[None, ..., :channels]])
        files = [encoded(image) for image in images] + [png.encode_png(image) for image in images]
        assert np.array_equal(png.decode_pngs(files, 6, 5, channels), np.concatenate([images, images]).reshape(42, -1))
        with Image.open(io.BytesIO(files[-1])) as found:
            assert found.mode == {1: "L", 3: "RGB"}[channels]
            assert np.array_equal(np.asarray(found).reshape(images[-1].shape), images[-1])


def test_rows_coded_in_every_way():
    """After a file that ends in bright pixels, of which the first row must see nothing."""
    for kind in range(5):
        rows = np.insert(noise(1, 6, 15)[0], 0, kind, axis=1)
        files = [png.encode_png(np.full((6, 5, 3), 255, np.uint8)), png._file(rows.tobytes(), 6, 5, 3)]
        with Image.open(io.BytesIO(files[1])) as alone:
            assert np.array_equal(png.decode_pngs(files, 6, 5, 3)[1], np.asarray(alone).ravel()), kind


def test_notes_and_several_pieces_of_pixels():
    image, notes = noise(1, 6, 5, 3)[0], PngImagePlugin.PngInfo()
    notes.add_text("author", "nobody")
    whole = png.encode_png(image)
    start, packed = whole[:33], zlib.compress(np.insert(image.reshape(6, 15), 0, 0, axis=1).tobytes())
    pieces = [png._chunk(b"IDAT", packed[n : n + 10]) for n in range(0, len(packed), 10)]
    files = [encoded(image, pnginfo=notes), start + b"".join(pieces) + png._chunk(b"IEND", b"")]
    assert np.array_equal(png.decode_pngs(files, 6, 5, 3), np.stack([image.ravel()] * 2))


def test_others_are_left_to_pillow():
    plain, image = encoded(SMOOTH), Image.fromarray(SMOOTH)
    others = [encoded(SMOOTH[:5]), encoded(SMOOTH[..., :1]), encoded(SMOOTH, "JPEG"), b""]
    for mode in ("P", "RGBA", "I;16", "1"):
        file = io.BytesIO()
        (Image.new(mode, (5, 6)) if mode == "I;16" else image.convert(mode)).save(file, "PNG")
        others.append(file.getvalue())
    for other in others:
        assert png.decode_pngs([plain, other], 6, 5, 3) is None
    assert png.decode_pngs([plain], 6, 5, 4) is None
    assert png.decode_pngs([], 6, 5, 3) is None
    assert png.decode_pngs([encoded(noise(1, 65, 64, 1)[0])], 65, 64, 1) is None


def outcome(file):
    """The pixels, None where the file is left to Pillow, and the error where it is damaged."""
    try:
        found = png.decode_pngs([file, png.encode_png(SMOOTH)], 6, 5, 3)
    except (ValueError, OSError, zlib.error) as error:
        return type(error)
    return None if found is None else found[0].tobytes()


def test_damage_is_noticed():
    file, rows = encoded(SMOOTH), bytes(6 * 16)
    assert outcome(file) == SMOOTH.tobytes()
    assert {outcome(each) for each in (*changed(file), *cut(file))} <= {None, ValueError}
    assert outcome(png._file(rows, 6, 5, 3)) == bytes(90)
    for wrong in (rows[:-1], rows + b"\0"):
        assert outcome(png._file(wrong, 6, 5, 3)) is ValueError
    assert outcome(png._file(b"\7" + rows[1:], 6, 5, 3)) in (OSError, ValueError)
    nonsense = png._header(6, 5, 3) + png._chunk(b"IDAT", b"no such thing") + png._chunk(b"IEND", b"")
    assert outcome(nonsense) is zlib.error
