"""Documents as shares of words."""

import io
import tarfile

import numpy as np
import pytest
from refusals import plainly

from jaxgen.core.types import Refused
from jaxgen.data.text import documents

STORY = '<REUTERS TOPICS="{has}" LEWISSPLIT="{part}" NEWID="1"><TOPICS>{topics}</TOPICS><TITLE>{title}</TITLE>{body}'


def story(topics="earn", part="TRAIN", title="Profit &lt;up>", body="<BODY>Shares rise</BODY>", has="YES"):
    listed = "".join(f"<D>{topic}</D>" for topic in topics.split())
    return STORY.format(has=has, part=part, topics=listed, title=title, body=body) + "</REUTERS>\n"


def test_stories_of_one_topic_are_read_with_their_split():
    sgml = story() + story("earn acq") + story(part="NOT-USED") + story(has="NO") + story("ship", "TEST", body="")
    assert list(documents.stories(sgml)) == [
        ("train", ("Profit <up> Shares rise", "earn")),
        ("test", ("Profit <up>", "ship")),
    ]


def test_shares_are_of_the_words_of_the_vocabulary():
    texts = ["The machine learns. Machines learn; the MACHINE learns!", "it is of", "learn xx"]
    listed = documents.commonest(texts, 3)
    assert listed[0] == "learn"  # which stands in two texts, the others in one
    assert set(listed[1:]) <= {"machine", "learns", "machines"}
    ours = documents.shares(texts, ["machine", "learn"])
    np.testing.assert_allclose(ours, [[2 / 3, 1 / 3], [0, 0], [0, 1]], rtol=1e-6)
    assert ours.dtype == np.float32


@pytest.mark.ci
def test_reuters_is_read_from_its_archive(tmp_path):
    with pytest.raises(Refused, match=r"no reuters21578\.tar\.gz in .*text/reuters21578"):
        documents.load("reuters", str(tmp_path))
    topics = [f"topic{n}" for n in range(9)]
    many = "".join(
        story(topic, part, title=f"{topic} word {n}")
        for number, topic in enumerate(topics)
        for n in range(20 - number)
        for part in ("TRAIN", "TEST")
    )
    folder = tmp_path / "text/reuters21578"
    folder.mkdir(parents=True)
    with tarfile.open(folder / documents.ARCHIVE, "w:gz") as archive:
        for name, content in (("reut2-000.sgm", many), ("README.txt", "none")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode("latin-1")))
    images = documents.load("reuters", str(tmp_path), vocabulary=3)
    assert images.classes == tuple(topics[:8])
    assert images.shape == (1, 1, 3)
    sizes = [len(split.label) for split in images[3:6]]
    assert sizes == [round(0.9 * 132), 132 - round(0.9 * 132), 132]
    np.testing.assert_allclose(images.train.image.sum(1), 1.0, rtol=1e-5)


def test_unknown_documents_are_refused():
    with pytest.raises(Refused, match="no documents 'news'; known are docstrings, reuters"):
        documents.load("news")


@pytest.mark.ci
def test_docstrings_of_the_library_have_their_module_as_class():
    images = documents.load("docstrings", vocabulary=50)
    assert {"asyncio", "email", "tkinter"} <= set(images.classes)
    every = np.concatenate([split.label for split in images[3:6]])
    assert np.bincount(every).min() >= documents.LEAST_DOCUMENTS
    assert images.shape == (1, 1, 50)


def archived(folder, content):
    path = folder / "text/reuters21578" / documents.ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("r/a.sgm")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content.encode()))
    return path


def test_damaged_archives_of_reuters_are_refused(tmp_path):
    for says, content in {
        "0 stories to train on and 0 to test on": "nothing",
        "1 stories to train on and 1 to test on": story() + story(part="TEST"),
        "2 stories to train on and 0 to test on": story() * 2,
        r"'r/a\.sgm' has no such character": story(title=f"&#{'9' * 5000};") * 2,
    }.items():
        path = archived(tmp_path, content)
        plainly(says, path, documents.load, "reuters", str(tmp_path))
    path.write_bytes(path.read_bytes()[:-30])
    plainly("is damaged: Compressed file ended", path, documents.load, "reuters", str(tmp_path))
    path.write_bytes(b"")
    plainly("is damaged: empty file", path, documents.load, "reuters", str(tmp_path))


@pytest.mark.parametrize("tag", ["<REUTERS>", "<D>", "<BODY>", "<TITLE>"])
def test_tags_that_are_never_closed_take_no_time(tag):
    """A search that starts anew behind each of them would take an hour."""
    head = '<REUTERS TOPICS="YES" LEWISSPLIT="TEST"><D>earn</D>' + "</TOPICS>" * (tag != "<D>")
    list(documents.stories(f"{head}{tag * 300_000}</REUTERS>"))
