"""Writers of small valid files and sets, one for each format that others of the tests' helpers do not write."""

import io
import json
import tarfile

import made
import numpy as np
import scipy.io
import small_gpt2
import weight_files
from folders import archived
from PIL import Image

from jaxgen.data.music import midi, tunes
from jaxgen.run import workdir

RNG = np.random.default_rng(0)
PROSE = "It was the best of times, it was the worst of times; 'twas 1859. Żółć — naïve?\n\nWe had everything.\n" * 30
PHOTO = RNG.integers(0, 256, (24, 20, 3), np.uint8)
FORMS = [[0, 0], [5, 9.5], [3, 1]], [[2, 2], [4, 4]]
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><g transform="scale(2) rotate(30, 1, 2)"><path d="M1 2 C3 4 5 6 7 8 L1 1'
SVG += 'Z"/><polyline points="1,2 3,4 5,6"/><line x1="0" y1="1" x2="5" y2="7"/></g></svg>'
STORY = '<REUTERS TOPICS="YES" LEWISSPLIT="{0}" NEWID="1"><TOPICS><D>{1}</D></TOPICS><TITLE>Profit &lt;up> {2}</TITLE>'
REUTERS = "text/reuters21578/reuters21578.tar.gz"
STORY += "<BODY>Shares rise steeply</BODY></REUTERS>\n"
EMNIST = [f"{part}-{kind}" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")]


def write_gpt2(at):
    small_gpt2.write_weights(at)
    small_gpt2.write_tokens(at, PROSE)
    write_text(at / "a.txt")
    weight_files.write_pth(at / "pytorch_model.bin", small_gpt2.tensors())


def write_cifar(at):
    (at / "cifar10").mkdir()
    made.cifar_archive(at / "cifar10/cifar-10-binary.tar.gz", made.cifar_batches(4))


def faces():
    """Images [400, 64, 64] of few shades, which are packed well."""
    return RNG.integers(0, 256, (400, 8, 8), np.uint8).repeat(8, 1).repeat(8, 2)


def write_olivetti_mat(at):
    (at / "olivetti").mkdir()
    columns = faces().swapaxes(1, 2).reshape(400, -1).T
    scipy.io.savemat(at / "olivetti/olivettifaces.mat", {"faces": columns}, do_compression=True)


def write_olivetti_npz(at):
    (at / "olivetti").mkdir()
    np.savez_compressed(at / "olivetti/olivetti.npz", images=faces(), labels=np.repeat(np.arange(40), 10))


def write_emnist(at):
    (at / "emnist").mkdir()
    made.idx_set(at / "loose", 30, 20, 5, [f"emnist-digits-{s}-ubyte" for s in EMNIST])
    archived(at / "emnist/gzip.zip", {f"gzip/{each.name}": each.read_bytes() for each in (at / "loose").iterdir()})


def write_reuters(at):
    path = at / REUTERS
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, parts in (("a.sgm", ["TRAIN"] * 12), ("b.sgm", ["TEST"] * 4)):
            content = "".join(STORY.format(p, ("earn", "acq")[n % 2], "xyz"[n % 3] * 4) for n, p in enumerate(parts))
            info = tarfile.TarInfo(f"reuters/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))


def write_sketches(path, objects=True):
    drawn = [np.array([[1, -2, 0], [300, 4, 0], [5, n, 1]], np.int16) for n in range(3)]
    parts = np.stack(drawn)
    if objects:
        parts = np.empty(3, object)
        parts[:] = drawn
    np.savez_compressed(path, train=parts, valid=parts, test=parts)


def write_json_sketches(path):
    sketch = {"class": "a", "strokes": FORMS}
    path.write_text(json.dumps({"classes": ["a", "b"], "sketches": [sketch, {**sketch, "class": "b"}] * 3}))


def write_ndjson(path):
    columns = [list(zip(*stroke)) for stroke in FORMS]
    path.write_text("\n".join(json.dumps({"word": "cat", "drawing": columns}) for _ in range(5)))


def write_svgs(at):
    for name in "ab":
        (at / name).mkdir(parents=True)
        for n in range(3):
            (at / name / f"{n}.svg").write_text(SVG)


def write_midis(at):
    at.mkdir()
    for n in range(4):
        notes = [midi.Note(60 + n, 0.0, 1.0), midi.Note(64, 0.5, 1.5), midi.Note(67, 2.0, 1.0)]
        (at / f"{n}.mid").write_bytes(midi.written(notes))


def write_rolls(path):
    cells = np.empty((1, 3), object)
    cells[0] = [(RNG.random((6, 88)) < 0.05).astype(np.uint8) for _ in range(3)]
    scipy.io.savemat(path, {"traindata": cells, "validdata": cells, "testdata": cells})


def write_json_rolls(path):
    path.write_text(json.dumps({split: [[[60, 64, 67], [62], []]] * 2 for split in ("train", "valid", "test")}))


def write_config(at):
    (at / "run").mkdir()
    stage = {"technique": "jaxgen.techniques.autoencoders.vae", "config": {"latent": 2}}
    flags = {"steps": 5, "optimizer": "adam"}
    (at / "run/config.json").write_text(
        json.dumps({"layout": workdir.LAYOUT, "flags": flags, "stages": [stage], "data": "00"})
    )


def prepared(kind):
    """Writes a set that TFDS prepares."""
    from prepared import features, labelled, noise, prepare, tfds

    def make(at):
        if kind == "text":
            lines = [{"text": line} for line in PROSE.splitlines()[:30]]
            prepare(at, {"train": lines}, {"text": tfds.features.Text()})
        else:
            labels = np.arange(12) % 2
            prepare(at, dict.fromkeys(("train", "test"), labelled(noise(12, 6, 5, 1), labels)), features())

    return make


def write_abc(path):
    path.write_text("\n\n".join(map(tunes.notation, tunes.MELODIES.strip().replace("\n    ", "").splitlines()[:8])))


def write_text(path):
    path.write_text(PROSE)


def write_picture(format):
    """A function that writes an image; of a GIF two frames."""
    more = {"save_all": True, "append_images": [Image.fromarray(255 - PHOTO)]} if format == "GIF" else {}
    return lambda path: Image.fromarray(PHOTO).save(path, format, **more)
