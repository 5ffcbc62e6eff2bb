"""The rules of the house that a parser can check, as functions from a root folder to a list of violations."""

import ast
import re
from pathlib import Path

FLOORS = {
    "core": 0,
    "ops": 0,
    "optim": 0,
    "nets": 1,
    "data": 1,
    "techniques": 2,
}  # everything else stands above
TOP = 3
LONG = {  # files over 200 lines, and why
    "jaxgen/ops/cells.py": "two layers, each with its forward and backward pass side by side",
    "jaxgen/techniques/text/language.py": "four networks and two formulations share loss, evaluation and sampler",
    "jaxgen/techniques/autoencoders/vae.py": "two bounds and the estimate of log p(x) share every term",
    "jaxgen/techniques/vision/classifier.py": "a lecture's knobs, each a field with its help",
}
JIT = ("jaxgen/core/loop.py", "jaxgen/core/evaluation.py", "jaxgen/study/", "experiments/", "benchmarks/", "tests/")
JIT_TOO = {"jaxgen/data/sources.py": "batch indices for reading on the host"}


def sources(root, *folders):
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def imports(path):
    """Dotted names of all that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def room(parts):
    """The first folder below jaxgen, or "" for what stands directly in it."""
    return parts[1] if len(parts) > 2 else ""


def upward_imports(root):
    for path in sources(root, "jaxgen"):
        parts = path.relative_to(root).parts
        here = FLOORS.get(room(parts), TOP)
        for name in imports(path):
            there = name.split(".")
            if there[0] in ("experiments", "benchmarks", "tests"):
                yield f"{path}: {name} is above the package"
            elif name.startswith("."):
                yield f"{path}: {name} is relative"
            elif there[0] == "jaxgen" and len(there) > 1 and FLOORS.get(there[1], TOP) > here:
                yield f"{path}: {name} is on a higher floor"


def strangers_families(root):
    """Techniques do not import each other across families."""
    for path in sources(root, "jaxgen/techniques"):
        family = path.relative_to(root / "jaxgen/techniques").parts[0]
        for name in imports(path):
            if name.startswith("jaxgen.techniques.") and name.split(".")[2] != family:
                yield f"{path}: {name} is of another family"


def layers_elsewhere(root):
    """The layer API stays in nets/ and techniques/."""
    for path in sources(root, "jaxgen", "experiments"):
        if room(path.relative_to(root).parts) not in ("nets", "techniques"):
            yield from (f"{path}: imports {name}" for name in imports(path) if name.split(".")[0] == "flax")


def compiled_elsewhere(root):
    """`jit` stays in the loop and above."""
    for path in sources(root, "jaxgen"):
        name = path.relative_to(root).as_posix()
        if not name.startswith(JIT) and name not in JIT_TOO:
            yield from (f"{path}: imports {name}" for name in imports(path) if name.endswith(".jit"))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr == "jit":
                    yield f"{path}:{node.lineno}: jit"


def dotted(node, known):
    """The full name of a.b.c where `known` (name -> full name) has a; "" of what is no such name."""
    if isinstance(node, ast.Attribute):
        stem = dotted(node.value, known)
        return f"{stem}.{node.attr}" if stem else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def bindings(tree):
    """What each imported name stands for, in full."""
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            stem = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                here = alias.asname or (alias.name if stem else alias.name.split(".")[0])
                known[here] = stem + alias.name if stem or alias.asname else here
    return known


def beyond_init_and_apply(root):
    """Of a module only `init` and `apply` are called: no bound modules, lifted transformations or sown values."""
    hidden = ("bind", "lazy_init", "init_with_output", "sow")
    lifted = re.compile(r"flax\.training\b|flax\.linen\.(\w+\.)*(jit|vmap|scan|remat|checkpoint)$")
    for path in sources(root, "jaxgen", "experiments"):
        yield from (f"{path}: imports {name}" for name in imports(path) if lifted.match(name))
        tree = ast.parse(path.read_text())
        known = bindings(tree)
        primitives = room(path.relative_to(root).parts) == "ops"  # there are no modules, and `bind` is a primitive's
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                name = dotted(node, known)
                called = node.attr in hidden and not primitives
                if called or name == "flax.training" or (lifted.match(name) and "linen" in name):
                    yield f"{path}:{node.lineno}: {name or node.attr}"


def long_functions(root):
    """Functions over 60 lines; of a technique's `make`, a closure, only the functions inside count."""
    for path in sources(root, "jaxgen", "experiments", "benchmarks"):
        technique = "jaxgen/techniques/" in path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (technique and node.name == "make"):
                lines = node.end_lineno - node.lineno + 1
                yield from [f"{path}:{node.lineno}: {node.name} has {lines} lines"] * (lines > 60)


def too_long(root):
    for path in sources(root, "jaxgen", "experiments", "benchmarks", "tests"):
        lines = len(path.read_text().splitlines())
        if lines > 300 or (lines > 200 and path.relative_to(root).as_posix() not in LONG):
            yield f"{path}: {lines} lines"


def without_purpose(root):
    """Every technique opens with its paper and URL and has make and tiny."""
    for path in sources(root, "jaxgen/techniques"):
        if path.name != "__init__.py":
            tree = ast.parse(path.read_text())
            names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            if "http" not in (ast.get_docstring(tree) or ""):
                yield f"{path}: the docstring names no URL"
            yield from (f"{path}: no {name}" for name in sorted({"make", "tiny", "Config"} - names))


RULES = [
    *[upward_imports, strangers_families, layers_elsewhere, compiled_elsewhere, beyond_init_and_apply],
    *[long_functions, too_long, without_purpose],
]


def root():
    return Path(__file__).resolve().parents[1]
