"""Where weights are looked for, which of several files is taken, and what is said or fetched where there is none."""

import hashlib
import re

import pytest
from refusals import refused

from jaxgen.data import download
from jaxgen.data.weights import official
from jaxgen.data.weights.locate import locate

NOTOP, TOP = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "vgg19_weights_tf_dim_ordering_tf_kernels.h5"
TORCH = "vgg19-dcbb9e9d.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "reachable", lambda *_: False)
    return tmp_path / "cache/data/weights"


def placed(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(names):
        (folder / name).write_bytes(bytes(n + 1))
    return folder


def located(tmp_path, network="vgg19", **options):
    return locate(network, data_dir=str(tmp_path / "data"), **options).relative_to(tmp_path).as_posix()


def test_published_files_are_known_by_their_names(tmp_path, cache):
    placed(cache, NOTOP)
    assert located(tmp_path) == f"cache/data/weights/{NOTOP}"
    placed(tmp_path / "data/weights", "vgg19_block1-3.h5", TORCH)
    assert located(tmp_path) == located(tmp_path, top=True) == f"data/weights/{TORCH}"
    placed(tmp_path / "data/weights", TOP)
    assert located(tmp_path) == located(tmp_path, top=True) == f"data/weights/{TOP}"
    placed(tmp_path / "data/weights", NOTOP)
    assert located(tmp_path) == f"data/weights/{NOTOP}"
    assert located(tmp_path, top=True) == f"data/weights/{TOP}"


def test_partial_files_begin_with_the_networks_name(tmp_path):
    others = ("vgg19_bn-c79401a0.pth", "vgg199.h5", "vgg19_notes.txt", "vgg16_block1.h5", "my_vgg19.h5")
    folder = placed(tmp_path / "data/weights", "vgg19_block1-3_notop.h5", "VGG19-block1.safetensors", *others)
    assert located(tmp_path) == "data/weights/VGG19-block1.safetensors"  # the largest of two
    (folder / "VGG19-block1.safetensors").unlink()
    assert located(tmp_path) == "data/weights/vgg19_block1-3_notop.h5"
    refused("no weights of vgg19 with its classifier in", located, tmp_path, top=True)
    placed(folder, "alexnet.pth")
    assert located(tmp_path, network="alexnet") == "data/weights/alexnet.pth"


def test_a_named_file(tmp_path, monkeypatch, cache):
    monkeypatch.chdir(placed(tmp_path / "here", "here.h5"))
    placed(tmp_path / "data", "data.h5")
    placed(tmp_path / "data/weights", "weights.h5", NOTOP)
    placed(cache, "cached.h5")
    for path, folder_name in [("here.h5", "here"), ("data.h5", "data"), ("weights.h5", "data/weights")]:
        assert located(tmp_path, path=path) == f"{folder_name}/{path}"
    assert located(tmp_path, path="cached.h5") == "cache/data/weights/cached.h5"
    assert located(tmp_path, path=str(cache / "cached.h5")) == "cache/data/weights/cached.h5"
    message = refused("there is no file none.h5; looked for", located, tmp_path, path="none.h5")
    for folder in ("here", "data", "data/weights", "cache/data/weights"):
        assert f"{tmp_path / folder}/none.h5" in message


def test_where_there_is_none_one_sentence_says_what_to_put_where(tmp_path, cache):
    url = f"{official.KERAS}/vgg19/{NOTOP}"
    folders = f"{tmp_path / 'data/weights'} or {cache}"
    says = f"there are no weights of vgg19 in {folders}; put {NOTOP} there (from {url}), or name a file with --weights="
    assert refused("no weights", located, tmp_path) == f"{says}PATH"
    placed(tmp_path / "data/weights", "vgg19_part.h5")  # not good enough where the whole file is asked for
    says = (
        f"vgg19 is not in {tmp_path / 'data/weights'}, and storage.googleapis.com cannot be reached; put {NOTOP} there"
    )
    assert refused("cannot be reached", located, tmp_path, download=True).startswith(says)
    assert refused("no weights of alexnet", located, tmp_path, network="alexnet", download=True).endswith(
        "--weights=PATH"
    )


@pytest.mark.ci
@pytest.mark.parametrize(
    ("network", "top", "name"), [("vgg19", False, NOTOP), ("squeezenet", True, "squeezenet1_1-b8a52dc0.pth")]
)
def test_one_published_file_is_fetched_and_kept(tmp_path, monkeypatch, network, top, name):
    sources = []
    monkeypatch.setattr(download, "reachable", lambda *_: True)

    def fetched(source, part):
        sources.append(source)
        (part / "x").write_bytes(b"weights")
        return part / "x"

    monkeypatch.setattr(download, "_download", fetched)
    for _ in range(2):
        assert located(tmp_path, network=network, top=top, download=True) == f"data/weights/{name}"
    file = next(each for each in official.FILES[network] if each.name == name)
    assert sources == [(file.url, file.size, file.digest)]


def test_the_table_of_published_files():
    files = [file for files in official.FILES.values() for file in files]
    assert len({file.name for file in files}) == len({file.url for file in files}) == len(files) == 12
    for network, published in official.FILES.items():
        assert [file.top for file in published] == [False, True, True]
        assert all(file.name.startswith(network) for file in published)
        for file in published:
            kind, _, digits = file.digest.rpartition(":")
            assert file.digest == "" or re.fullmatch(r"[0-9a-f]+", digits)
            assert file.digest == "" or len(digits) == 2 * hashlib.new(kind or "sha256").digest_size
            assert not file.name.endswith(".pth") or file.name == f"{file.name.split('-')[0]}-{digits[:8]}.pth"
