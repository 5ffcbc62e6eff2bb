"""The source files that a study's numbers come from: after a change of one, old runs are not mixed with new ones.

Files are followed from import to import, without importing them: those of jaxgen that compute, and those of a user's
own. What is installed counts by its version, and the examples by their hash.
"""

import ast
import functools
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.optim.registry import BY_NAME
from jaxgen.run.experiment import Experiment

OURS = ("jaxgen", "experiments")
# They run, write and draw; optimisers count for themselves.
ASIDE = tuple(f"jaxgen.{room}" for room in ("optim", "run", "report", "study", "figures"))
TRAINING = ("jaxgen.core.loop", "jaxgen.study.training", "jaxgen.study.side_by_side")
AROUND = ("jaxgen.optim.gradients", "jaxgen.optim.schedules")  # of every optimiser
DIGITS = 12  # of a hash


def code_of_task(experiment: Experiment, technique: str) -> dict[str, str]:
    """Module -> hash of its file, for all modules that a task's technique, plan and reader are made of."""
    functions: tuple[Any, ...] = (experiment.plan, experiment.data.read)
    own = [each.__module__ for each in functions if not each.__module__.startswith("jaxgen.")]
    return hashes([technique, *own, *TRAINING], ASIDE)


def code_of_optimizer(name: str) -> str:
    """The hash of the files that an optimiser is made of."""
    own = BY_NAME[name].__module__ if name in BY_NAME else name.partition(":")[0]
    roots = ["jaxgen.optim.foreign", own] if ":" in name else ["jaxgen.optim.foreign" if "." in name else own]
    return hashlib.sha256(repr(hashes([*roots, *AROUND])).encode()).hexdigest()[:DIGITS]


def check_optimizers(folder: Path, rows: Iterable[dict[str, Any]], codes: dict[str, str]) -> None:
    """Raises Refused where the folder has runs of an optimiser from before its code was changed; `codes` by label."""
    changed = {
        row["optimizer"] for row in rows if row.get("code", "") != codes.get(row["optimizer"], row.get("code", ""))
    }
    if changed:
        raise Refused(
            f"{folder} has runs of {', '.join(sorted(changed))} from before the code of it was changed; choose another "
            f"--workdir, and --compare={folder} to see both"
        )


def hashes(roots: Sequence[str], aside: tuple[str, ...] = ()) -> dict[str, str]:
    """Module -> hash of its file: the roots, and what they import but for packages in `aside`."""
    left, hashes = list(roots), dict[str, str]()
    while left:
        if (name := left.pop()) in hashes or not (path := source_file(name)):
            continue
        data = path.read_bytes()
        hashes[name] = hashlib.sha256(data).hexdigest()[:DIGITS]
        inside = f"{name}.__init__" if path.name == "__init__.py" else name
        left += [each for each in imports(inside, data) if not f"{each}.".startswith(tuple(f"{a}." for a in aside))]
    return dict(sorted(hashes.items()))


def imports(name: str, data: bytes) -> list[str]:
    """Names that a module's source imports, wherever in it; of `from a import b` both a and a.b, which may be one."""
    names = []
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = name.rsplit(".", node.level)[0] if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def source_file(name: str) -> Path | None:
    """The file of a module; None for one that is installed (but for jaxgen's own), built in, or none."""
    top, *rest = name.split(".")
    if (root := _root(top)) is None or (rest and root.name != "__init__.py"):
        return None
    if not rest:
        return root
    plain = root.parent.joinpath(*rest)
    return next((path for path in (plain.with_suffix(".py"), plain / "__init__.py") if path.is_file()), None)


@functools.cache
def _root(top: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # __main__
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    paths = sysconfig.get_paths()
    installed = any(path.is_relative_to(paths[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib"))
    return path if top in OURS or not installed else None
