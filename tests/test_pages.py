"""README and the pages it leads to: links, commands, and figures that stand in one place."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks import reliability, scaling
from benchmarks.__main__ import Flags as BenchmarkFlags
from experiments import (
    attribution,
    autoencoder,
    classify,
    clustering,
    codes,
    dbn,
    documents,
    dream,
    faces,
    fast_style,
    gan,
    halves,
    melodies,
    mixtures,
    modes,
    music,
    perceptual,
    pretraining,
    rbm,
    restore,
    sequences,
    sketch,
    stacked,
    style,
    text,
    tour,
    transfer,
    vae,
    visualize,
)
from jaxgen.core.types import Refused
from jaxgen.run.parsing import alone, parse
from jaxgen.study import command

ROOT = Path(__file__).parent.parent
FOLDERS = ("", "experiments/results", "jaxgen", "benchmarks")
PAGES = {
    path: path.read_text()
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("**/*.md" if folder else "*.md"))
}
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TRAINED = (
    autoencoder,
    classify,
    clustering,
    dbn,
    documents,
    dream,
    fast_style,
    gan,
    halves,
    melodies,
    mixtures,
    music,
    perceptual,
    rbm,
    sequences,
    sketch,
    stacked,
    style,
    text,
    vae,
    visualize,
)
RUNS = {each.EXPERIMENT.name: each.EXPERIMENT for each in TRAINED}
SCRIPTS = {
    "experiments.tour": tour.Flags,
    "experiments.attribution": attribution.Flags,
    "experiments.codes": codes.Flags,
    "experiments.faces": faces.Flags,
    "experiments.modes": modes.Flags,
    "experiments.pretraining": pretraining.Flags,
    "experiments.restore": restore.Flags,
    "experiments.transfer": transfer.Flags,
    "experiments.optimizer_study": command.Flags,
    "jaxgen.study": command.Flags,
    "benchmarks": BenchmarkFlags,
    "benchmarks.scaling": scaling.Flags,
    "benchmarks.reliability": reliability.Flags,
}


def sections(page):
    """GitHub's anchor of each heading -> the text from it to the next one of any level."""
    found, fenced, name = {"": ""}, False, ""
    for line in page.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("#"):
            name = re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
        found[name] = f"{found.get(name, '')}{line}\n"
    return found


def in_shell(page):
    """The commands of a page's sh blocks as lists of words, continued lines joined, without comments."""
    for language, block in FENCE.findall(page):
        if language == "sh":
            yield from (shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines())


def in_prose(page):
    """The commands between backticks as lists of words."""
    codes = re.findall(r"`([^`]+)`", FENCE.sub("", page))
    return (shlex.split(code) for code in codes if code.startswith("python -m "))


def rows():
    """README's rows with a figure: commands, page, anchor, figure."""
    for line in README.read_text().splitlines():
        if found := re.match(r"\|.*\| \[([^\]]+)\]\(([\w/.]+\.md)#([\w-]+)\) \|$", line):
            figure, page, anchor = found.groups()
            yield list(in_prose(line)), page, anchor, figure


def parsed(words):
    """Whether it is a command of ours. Raises Refused for a flag or preset that does not exist."""
    module, argv = words[2], words[3:]
    if module in RUNS:
        parse(RUNS[module], argv)
    elif module in SCRIPTS:
        alone(module, SCRIPTS[module], argv)
    return module in RUNS or module in SCRIPTS


def test_readme_is_a_map():
    page = README.read_text()
    start = [language for language, _ in FENCE.findall(sections(page)["start"])]
    assert start == ["sh", "sh"]
    assert len(page.splitlines()) <= 200
    assert len(re.findall(r"!\[", page)) == 6


def test_figures_of_readme_stand_on_their_pages_beside_their_commands():
    numbers = lambda words: re.findall(r"\d[\d,.]*\d|\d", words)
    compared = list(rows())
    assert len(compared) >= 20
    for commands, page, anchor, figure in compared:
        section = sections(PAGES[ROOT / page])[anchor]
        assert len(commands) == 1, figure
        assert commands[0] in [*in_shell(section), *in_prose(section)], figure
        assert set(numbers(figure)) <= set(numbers(section)), figure
        assert numbers(figure) or figure in section.lower(), figure


def test_links_lead_somewhere_and_commands_parse():
    for path, page in PAGES.items():
        for link in LINK.findall(FENCE.sub("", page)):
            if not link.startswith(("https://", "http://")):
                file, _, anchor = link.partition("#")
                target = (path.parent / file).resolve() if file else path
                assert target.exists(), (path, link)
                assert not anchor or anchor in sections(PAGES[target]), (path, link)
        for words in [*in_shell(page), *in_prose(page)]:
            if words[:2] == ["python", "-m"]:
                parsed(words)
    stops = tour.CHAPTERS.values()
    assert sum(not stop.long for stop in stops) == 6
    assert all(parsed(["python", "-m", stop.script, *stop.flags.split()]) for stop in stops)


def test_a_flag_that_does_not_exist_is_noticed():
    for line in ("experiments.vae --no_flag=1", "experiments.text --preset=none", "experiments.tour --none"):
        with pytest.raises(Refused):
            parsed(["python", "-m", *line.split()])
