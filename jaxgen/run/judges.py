"""The classifier whose features tell generated images from real ones: a run of `experiments.classify` with a CNN."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.run.load import load_run
from jaxgen.run.provenance import fingerprint
from jaxgen.run.workdir import read_config

CNN = "jaxgen.techniques.vision.cnn"


class Judge(NamedTuple):
    """A trained classifier."""

    workdir: str  # of its run
    spec: tuple[str, ...]  # its network and the hash of its parameters, see `techniques.adversarial.judging`
    variables: dict[str, Any]  # what that network is applied with
    accuracy: float | None  # on the test split of its run, in [0, 1]
    elsewhere: bool = False  # whether it was trained on another set than the one it is to judge


def load_judge(
    workdir: str | os.PathLike, shape: tuple[int, int, int], labels: tuple[str, ...], sha256: str = ""
) -> Judge:
    """The judge of a run, for images of this shape, these classes and, where it is given, this hash.

    Raises Refused where there is no run, it is no CNN, has no dense layer for features, or was trained on other sizes
    or classes than `shape` and `labels`.
    """
    config = read_config(workdir)
    last = (config["stages"] or [{}])[-1]
    technique, fields = last.get("technique", "many networks"), last.get("config", {})
    if technique != CNN:
        raise Refused(f"--judge={workdir} is a run of {technique}; a judge is a classifier: --network=cnn")
    if not labels:
        raise Refused(f"--judge={workdir} tells classes apart, and these images have none: --judge=none")
    for name, wanted in (("shape", shape), ("labels", labels)):
        if tuple(fields[name]) != tuple(wanted):
            raise Refused(f"--judge={workdir} was trained on the {name} {_short(fields[name])}, not {_short(wanted)}")
    if not fields["hidden"]:
        raise Refused(f"--judge={workdir} has no hidden dense layer, whose activations are the features")
    state = load_run(workdir).state
    norm = "batch_norm" if fields["batch_norm"] else ""
    spec = (fields["channels"], fields["hidden"], fields["activation"], norm, fingerprint((state.params, state.carry)))
    variables, elsewhere = {"params": state.params, **dict(state.carry or {})}, sha256 not in ("", config["data"])
    return Judge(os.fspath(workdir), spec, variables, _accuracy(Path(workdir).expanduser()), elsewhere)


def known_as(judge: Judge) -> str:
    """The first digits of its hash, how good it is, and whether it was trained on another set."""
    accuracy = "" if judge.accuracy is None else f", {100 * judge.accuracy:.2f} % right on its test split"
    return f"parameters {judge.spec[-1][:12]}{accuracy}{', trained on another set than this one' * judge.elsewhere}"


def described(judge: Judge) -> str:
    """Its run, and what it is known as, in a line."""
    return f"judge: {judge.workdir}, {known_as(judge)}"


def place(judge: str, workdir: str, sha256: str) -> str:
    """The directory that --judge names; of "auto" one beside the directory of a run, named after its images' hash."""
    beside = os.path.dirname(os.path.abspath(os.path.expanduser(workdir)))
    return os.path.join(beside, f"judge_{sha256[:8]}") if judge == "auto" else judge


def ensure(workdir: str | os.PathLike, train: Callable[[], Any]) -> None:
    """Calls `train`, which makes a run there, where there is none that was finished."""
    if not (Path(workdir).expanduser() / "summary.json").exists():
        train()


def _accuracy(directory: Path) -> float | None:
    try:
        return float(json.loads((directory / "summary.json").read_text())["metrics"]["test_accuracy"]["value"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _short(values: Any) -> str:
    text = ", ".join(map(str, values)) or "none"
    return text if len(text) <= 60 else f"{text[:57]}..."
