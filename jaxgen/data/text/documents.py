"""Documents as the shares that words have in them: a Dataset of vectors, for networks that otherwise see images.

docstrings    of the modules of Python's standard library, which have the name of their module as class; embedded
reuters       Reuters-21578, distribution 1.0: news stories of the eight commonest topics, of those that have one topic;
              ModApte's split (https://www.daviddlewis.com/resources/testcollections/reuters21578)

N documents of a split, V words of the vocabulary.
"""

import ast
import collections
import html
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset, split
from jaxgen.data.formats import tarred
from jaxgen.data.places import data_folders, first_existing

NAMES = ("docstrings", "reuters")
ARCHIVE = "reuters21578.tar.gz"
ADDRESS = "https://kdd.ics.uci.edu/databases/reuters21578/reuters21578.tar.gz"
TOPICS = 8  # of Reuters
LEAST_WORDS = 25  # of a docstring
LEAST_DOCUMENTS = 40  # of a module
WORD = re.compile(r"[a-z]{3,}")
PART = re.compile(r"<(/?)(?:TITLE|BODY)>")
MOST = 2**28  # bytes of a believable archive of Reuters, which has 28 million

Labelled = tuple[str, str]  # a text and its class


def words(text: str) -> list[str]:
    """Runs of at least three letters, in lower case, without English stop words (scikit-learn's list)."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [word for word in WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS]


def stories(sgml: str) -> Iterator[tuple[str, Labelled]]:
    """(split, (text, topic)) of the stories in a file of Reuters-21578 that have exactly one topic; ModApte's split."""
    # Each character is looked at a few times: a regular expression over a tag that is never closed would start anew.
    for story in sgml.split("<REUTERS")[1:]:
        attributes, _, rest = story.partition(">")
        inner, end, _ = rest.partition("</REUTERS>")
        topics = re.findall(r"<D>([^<]*)</D>", inner.partition("</TOPICS>")[0])
        part = re.search(r'LEWISSPLIT="(TRAIN|TEST)"', attributes)
        if end and part and 'TOPICS="YES"' in attributes and len(topics) == 1:
            pieces = PART.split(inner)  # text, "" or "/", text, ...
            text = [pieces[n + 1] for n in range(1, len(pieces) - 2, 2) if (pieces[n], pieces[n + 2]) == ("", "/")]
            yield part[1].lower(), (html.unescape(" ".join(text)), topics[0])


def reuters(data_dir: str) -> dict[str, list[Labelled]]:
    """Split -> stories of the commonest topics of the training split.

    Raises Refused where the archive is missing or damaged, or has no stories of a split.
    """
    folders = [folder / "text/reuters21578" for folder in data_folders(data_dir)]
    path = first_existing([folder / ARCHIVE for folder in folders])
    if path is None:
        raise Refused(f"no {ARCHIVE} in {' or '.join(map(str, folders))}; it can be had from {ADDRESS}")
    every: dict[str, list[Labelled]] = {"train": [], "test": []}
    archive = tarred.files(path, lambda name: name.endswith(".sgm"), MOST)
    for file in sorted(archive):
        try:
            for name, story in stories(archive[file].decode("latin-1")):
                every[name].append(story)
        except ValueError as error:  # a character whose number has thousands of digits
            raise Refused(f"{path} is damaged: {file[-40:]!a} has no such character") from error
    counted = collections.Counter(topic for _, topic in every["train"])
    kept = {topic for topic, _ in counted.most_common(TOPICS)}
    parts = {name: [each for each in part if each[1] in kept] for name, part in every.items()}
    if len(parts["train"]) < 2 or not parts["test"]:  # of the first, some validate
        raise Refused(f"{path} has {len(parts['train'])} stories to train on and {len(parts['test'])} to test on")
    return parts


def docstrings() -> list[Labelled]:
    """(text, module) of docstrings of the standard library, of modules that have many."""
    root, every = Path(sysconfig.get_paths()["stdlib"]), list[Labelled]()
    for name in sorted(sys.stdlib_module_names):
        files = [root / f"{name}.py"] if (root / f"{name}.py").is_file() else sorted((root / name).rglob("*.py"))
        for file in files:
            if "test" not in file.relative_to(root).as_posix():
                every += [(text, name) for text in documented(file)]
    counted = collections.Counter(name for _, name in every)
    return [each for each in every if counted[each[1]] >= LEAST_DOCUMENTS]


def documented(path: Path) -> Iterator[str]:
    """The docstrings in a file that have LEAST_WORDS; none of one that cannot be parsed."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            if len(text.split()) >= LEAST_WORDS:
                yield text


def shares(texts: Iterable[str], vocabulary: Sequence[str]) -> np.ndarray:
    """What share of a document's words of the vocabulary each of them is, float32 [N, V]; zeros where it has none."""
    column = {word: number for number, word in enumerate(vocabulary)}
    rows = []
    for text in texts:
        row = np.zeros(len(vocabulary), np.float32)
        for word in words(text):
            if word in column:
                row[column[word]] += 1
        rows.append(row / max(1.0, row.sum()))
    return np.stack(rows)


def commonest(texts: Iterable[str], most: int) -> list[str]:
    """The words that stand in the most texts, the commonest first."""
    counted = collections.Counter(word for text in texts for word in sorted(set(words(text))))
    return [word for word, _ in counted.most_common(most)]


def load(name: str, data_dir: str = "", vocabulary: int = 2000) -> Dataset:
    """One of NAMES as a Dataset of shape (1, 1, V), its vocabulary that of the training split.

    A tenth of the training split validates; of docstrings a tenth of all does, and a quarter is the test split. Raises
    Refused for an unknown name, and where an archive is missing.
    """
    if name not in NAMES:
        raise Refused(f"no documents {name!r}; known are {', '.join(NAMES)}")
    every = {"train": docstrings()} if name == "docstrings" else reuters(data_dir)
    classes = tuple(sorted({label for _, label in every["train"]}))
    numbers = {part: np.array([classes.index(label) for _, label in each], np.int32) for part, each in every.items()}
    order = {part: np.arange(len(each))[:, None] for part, each in every.items()}
    if "test" in every:
        train, valid, _ = split(order["train"], numbers["train"], fractions=(0.9, 0.1, 0.0))
        test = Examples(order["test"], numbers["test"])
    else:
        train, valid, test = split(order["train"], numbers["train"], fractions=(0.65, 0.1, 0.25))
    texts = lambda part, rows: [every[part][number][0] for number in np.asarray(rows.image)[:, 0]]
    own = texts("train", train)
    listed = commonest(own, vocabulary)
    others = [texts("train", valid), texts("test" if "test" in every else "train", test)]
    parts = [Examples(shares(each, listed), rows.label) for each, rows in zip((own, *others), (train, valid, test))]
    return dataset(name, (1, 1, len(listed)), classes, *parts)
