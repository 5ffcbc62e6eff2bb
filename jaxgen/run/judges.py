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


def load_judge(workdir: str | os.PathLike, shape: tuple[int, int, int], labels: tuple[str, ...]) -> Judge:
    """The judge of a run.

    Raises Refused where there is no run, it is no CNN, has no dense layer for features, or was trained on other sizes
    or classes than `shape` and `labels`.
    """
    config = read_config(workdir)["stages"][-1]
    if config["technique"] != CNN:
        raise Refused(f"--judge={workdir} is a run of {config['technique']}; a judge is a classifier: --network=cnn")
    fields = config["config"]
    for name, wanted in (("shape", shape), ("labels", labels)):
        if tuple(fields[name]) != tuple(wanted):
            raise Refused(f"--judge={workdir} was trained on the {name} {_short(fields[name])}, not {_short(wanted)}")
    if not fields["hidden"]:
        raise Refused(f"--judge={workdir} has no hidden dense layer, whose activations are the features")
    state = load_run(workdir).state
    sha256 = fingerprint((state.params, state.carry))
    norm = "batch_norm" if fields["batch_norm"] else ""
    spec = (fields["channels"], fields["hidden"], fields["activation"], norm, sha256)
    variables = {"params": state.params, **dict(state.carry or {})}
    return Judge(os.fspath(workdir), spec, variables, _accuracy(Path(workdir).expanduser()))


def described(judge: Judge) -> str:
    """Its run, the first digits of its hash and its accuracy, in a line."""
    told = "" if judge.accuracy is None else f", {100 * judge.accuracy:.2f} % right on its test split"
    return f"judge: {judge.workdir}, parameters {judge.spec[-1][:12]}{told}"


def place(judge: str, workdir: str, sha256: str) -> str:
    """The directory that --judge names; of "auto" one beside the directory of a run, named after its images' hash."""
    beside = os.path.dirname(os.path.expanduser(workdir)) or "."
    return os.path.join(beside, f"judge_{sha256[:8]}") if judge == "auto" else judge


def ensure(workdir: str | os.PathLike, train: Callable[[], Any]) -> None:
    """Calls `train`, which makes a run there, where there is none that was finished."""
    if not (Path(workdir).expanduser() / "summary.json").exists():
        train()


def _accuracy(directory: Path) -> float | None:
    try:
        return json.loads((directory / "summary.json").read_text())["metrics"]["test_accuracy"]["value"]
    except (OSError, ValueError, KeyError):
        return None


def _short(values: Any) -> str:
    text = ", ".join(map(str, values))
    return text if len(text) <= 60 else f"{text[:57]}..."
