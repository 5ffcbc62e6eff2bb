"""Thousands of damaged and hostile files: each is read, or refused in one sentence, in bounded memory and time.

    python tests/mutants.py --count=2000 --seed=0      a table, and what fell
    python tests/mutants.py --seed=0 --only=123        one of them, with its traceback

Mutant n of a seed is always the same. They are read in a process of their own, which is begun again where one has ended
or stopped it. A mutant has fallen where anything but `Refused` is raised, where the message is no sentence that names
the file, where more than BYTES of address space were asked for, and where there is no answer in SECONDS.
"""

import argparse
import collections
import contextlib
import importlib
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

BYTES, SECONDS, LETTERS = 2**30, 10, 300
START = 120  # seconds in which a process is ready


class Case(NamedTuple):
    """One file of a set in a folder of its own."""

    format: str
    file: str  # that is changed, in the folder
    make: Callable[[Path], Any]  # writes all files of the set into a folder
    read: Callable[[Path], Any]  # reads the set in the folder
    called: tuple[str, ...] = ()  # how a sentence may call it besides the file's name


class Outcome(NamedTuple):
    """What became of a mutant."""

    number: int
    format: str
    how: str
    kind: str  # read, refused or fell
    said: str


def work(pipe, seed, numbers, module):
    """Sends the number of each mutant, and then its Outcome; None once everything is made."""
    os.environ.update(TFDS_DATA_DIR="/nowhere", JAX_PLATFORMS="cpu")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)  # libraries in C++ complain on their own
    with tempfile.TemporaryDirectory(prefix="mutants-") as top:
        os.environ["JAXGEN_CACHE"] = f"{top}/cache"
        files = valid_files(Path(top), importlib.import_module(module).CASES)
        pipe.send(None)
        for number in numbers:
            pipe.send(number)
            pipe.send(tried(files, seed, number))


def valid_files(top, cases):
    """(Case, its folder, the content of its file) of each case, all of which can be read."""
    warnings.simplefilter("error")
    files = []
    for number, case in enumerate(cases):
        at = top / str(number)
        at.mkdir()
        case.make(at)
        case.read(at)
        files.append((case, at, (at / case.file).read_bytes()))
    return files


def tried(files, seed, number):
    """The Outcome of one mutant; the file is as it was afterwards."""
    from mutations import mutant

    from jaxgen.core.types import Refused

    case, at, content = files[number % len(files)]
    rng = np.random.default_rng([seed, number])
    data, how = mutant(rng, content, [other for _, _, other in files])
    path = at / case.file
    path.write_bytes(data)
    begun = time.monotonic()
    kind, said = "read", ""
    try:
        with bounded():
            case.read(at)
    except Refused as refusal:
        kind, said = "refused", str(refusal)
        if fault := unlike_a_sentence(refusal, (path.name, *case.called)):
            kind, said = "fell", f"{fault}: {ascii(said)[:400]}"
    except BaseException as error:  # whatever a reader lets through
        trace = "".join(traceback.format_tb(error.__traceback__)[-3:])
        kind, said = "fell", f"{type(error).__name__}: {ascii(str(error))[:300]}\n{trace}"
    path.write_bytes(content)
    if time.monotonic() - begun > SECONDS:
        kind, said = "fell", f"took {time.monotonic() - begun:.1f} s"
    return Outcome(number, case.format, how, kind, said)


@contextlib.contextmanager
def bounded():
    """Within it, the process gets no more than BYTES of further address space."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def unlike_a_sentence(refusal, names, most=LETTERS):
    """What a refusal's message lacks of one plain sentence that names the file; "" where it is one."""
    said, cause = str(refusal), refusal
    while cause := cause.__cause__ or cause.__context__:
        if isinstance(cause, MemoryError):
            return "memory is asked for before it is known to be needed"
    if not said.isprintable():
        return "more than a line of text"
    if len(said) > most:
        return f"{len(said)} characters"
    return "" if any(name in said for name in names) else "names no file"


def outcomes(seed, numbers, seconds=SECONDS, module="mutant_files"):
    """The Outcome of each of the mutants of a module's CASES."""
    left, context = collections.deque(numbers), multiprocessing.get_context("spawn")
    while left:
        here, there = context.Pipe(False)
        process = context.Process(target=work, args=(there, seed, list(left), module), daemon=True)
        process.start()
        there.close()
        if not here.poll(START) or here.recv() is not None:
            raise RuntimeError("the valid files cannot be made")
        try:
            while left:
                here.recv()
                if not here.poll(seconds):
                    yield Outcome(left.popleft(), "", "", "fell", f"no answer in {seconds} s")
                    break
                yield here.recv()
                left.popleft()
        except EOFError:
            process.join()
            yield Outcome(left.popleft(), "", "", "fell", f"the process ended with {process.exitcode}")
        process.kill()
        process.join()


def table(found):
    """Lines of the table, and of what fell."""
    from mutant_files import CASES

    counts = collections.Counter((each.format or CASES[each.number % len(CASES)].format, each.kind) for each in found)
    kinds = ("read", "refused", "fell")
    row = "{:<20}" + "{:>9}" * 4
    yield row.format("format", "mutants", *kinds)
    for format in dict.fromkeys(case.format for case in CASES):
        each = [counts[format, kind] for kind in kinds]
        yield row.format(format, sum(each), *each)
    each = [sum(counts[key] for key in counts if key[1] == kind) for kind in kinds]
    yield row.format("all", sum(each), *each)
    for each in found:
        if each.kind == "fell":
            format = CASES[each.number % len(CASES)].format
            yield f"\nmutant {each.number} ({format}: {each.how}) fell: {each.said}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of one mutant")
    flags = parser.parse_args()
    begun = time.monotonic()
    numbers = range(flags.count) if flags.only is None else [flags.only]
    found = list(outcomes(flags.seed, numbers))
    print("\n".join(table(found)))
    print(f"\n{len(found)} mutants in {time.monotonic() - begun:.0f} s")
    return int(any(each.kind == "fell" for each in found))


if __name__ == "__main__":
    sys.exit(main())
