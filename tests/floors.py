"""The rules of the house that a parser can check, as functions from a root folder to a list of violations."""

import ast
import collections
import functools
import re
import statistics
from pathlib import Path

FLOORS = {  # rooms of the package; imports go to lower floors, or stay in a room
    "ops": 0,
    "core": 1,
    "optim": 2,
    "nets": 2,
    "data": 2,
    "report": 2,
    "techniques": 3,
    "run": 4,
    "study": 5,
    "figures": 5,
}
ABOVE = ("experiments", "benchmarks", "tests")
LONG = {  # files over 200 lines, and why
    "jaxgen/ops/cells.py": "two layers, each with its forward and backward pass side by side",
    "jaxgen/techniques/autoencoders/vae.py": "two bounds and the estimate of log p(x) share every term",
    "tests/contract.py": "all promises of a technique side by side",
    "tests/floors.py": "all rules of the house side by side",
}
LAYERS = ("nets", "techniques")  # where Flax is used
DRAWINGS = ("report", "figures", "study")  # where matplotlib is
WRITERS = ("run", "report", "data", "study")  # where files are written, and core/files.py
JIT = ("core", "study", "figures", "run")
JIT_TOO = {"jaxgen/data/sources.py": "batch indices for reading on the host"}
MEDIAN, LONGEST, FUNCTION = 110, 250, 60  # lines


def sources(root, *folders):
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


@functools.cache
def parsed(text):
    """The tree of a source, and a list of all its nodes: twelve rules look at every file."""
    tree = ast.parse(text)
    return tree, list(ast.walk(tree))


def nodes(path):
    return parsed(path.read_text())[1]


def imports(path):
    """Dotted names of all that a file imports, inside functions too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def room(root, path):
    """The first folder below jaxgen, or "" for what stands elsewhere."""
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "jaxgen" and len(parts) > 2 else ""


def upward_imports(root):
    for path in sources(root, "jaxgen"):
        here = FLOORS.get(room(root, path), 0)
        for name in imports(path):
            first, _, rest = name.partition(".")
            there = rest.split(".")[0]
            if first in ABOVE:
                yield f"{path}: {name} is above the package"
            elif name.startswith("."):
                yield f"{path}: {name} is relative"
            elif first == "jaxgen" and there in FLOORS and there != room(root, path) and FLOORS[there] >= here:
                yield f"{path}: {name} is on the same or a higher floor"


def graph(root):
    """Module -> modules of the package that it imports, at the top of the file or within functions."""
    names = {".".join(path.relative_to(root).with_suffix("").parts): path for path in sources(root, "jaxgen")}
    return {
        name: {each for full in imports(path) for each in (full, full.rpartition(".")[0]) if each in names}
        for name, path in names.items()
    }


def circles(root):
    """Modules that reach themselves by imports."""
    edges = graph(root)

    def reach(start):
        seen, left = set(), [start]
        while left:
            new = edges[left.pop()] - seen
            seen |= new
            left += new
        return seen

    yield from (f"{name} imports itself, in a circle" for name in edges if name in reach(name))


def same_names(root):
    """Module names that stand twice in the package."""
    stems = collections.Counter(
        path.stem for path in sources(root, "jaxgen") if path.stem not in ("__init__", "__main__")
    )
    yield from (f"{stem}.py stands {count} times" for stem, count in stems.items() if count > 1)


def strangers_families(root):
    """Techniques do not import each other across families."""
    for path in sources(root, "jaxgen/techniques"):
        family = path.relative_to(root / "jaxgen/techniques").parts[0]
        for name in imports(path):
            if name.startswith("jaxgen.techniques.") and name.split(".")[2] != family:
                yield f"{path}: {name} is of another family"


def packages_elsewhere(root):
    """Layers stay in nets/ and techniques/, matplotlib in report/, figures/ and study/."""
    for path in sources(root, "jaxgen", "experiments"):
        for package, rooms in (("flax", LAYERS), ("matplotlib", DRAWINGS)):
            if room(root, path) not in rooms:
                yield from (f"{path}: imports {name}" for name in imports(path) if name.split(".")[0] == package)


WRITING = {
    "write_bytes",
    "write_text",
    "mkdir",
    "makedirs",
    "unlink",
    "rmtree",
    "replace_file",
    "savefig",
    "write_whole",
}


def written_elsewhere(root):
    """Files are written in run/, report/, data/, study/ and core/files.py alone."""
    for path in sources(root, "jaxgen"):
        if room(root, path) in WRITERS or path.relative_to(root).as_posix() == "jaxgen/core/files.py":
            continue
        for node in nodes(path):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            modes = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            opened = name == "open" and any(re.fullmatch(r"[rbt]*[wax+][bt+]*", mode) for mode in modes)
            if name in WRITING or name.startswith("save_") or opened:
                yield f"{path}:{node.lineno}: {name} writes"


def compiled_elsewhere(root):
    """`jit` stays in the loop and above."""
    for path in sources(root, "jaxgen"):
        name = path.relative_to(root).as_posix()
        if room(root, path) not in JIT and name not in JIT_TOO:
            yield from (f"{path}: imports {name}" for name in imports(path) if name.endswith(".jit"))
            for node in nodes(path):
                if isinstance(node, ast.Attribute) and node.attr == "jit":
                    yield f"{path}:{node.lineno}: jit"


def dotted(node, known):
    """The full name of a.b.c where `known` (name -> full name) has a; "" of what is no such name."""
    if isinstance(node, ast.Attribute):
        stem = dotted(node.value, known)
        return f"{stem}.{node.attr}" if stem else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def bindings(path):
    """What each imported name stands for, in full."""
    known = {}
    for node in nodes(path):
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
        known = bindings(path)
        primitives = room(root, path) == "ops"  # there are no modules, and `bind` is a primitive's
        for node in nodes(path):
            if isinstance(node, ast.Attribute):
                name = dotted(node, known)
                called = node.attr in hidden and not primitives
                if called or name == "flax.training" or (lifted.match(name) and "linen" in name):
                    yield f"{path}:{node.lineno}: {name or node.attr}"


def long_functions(root):
    """Functions over 60 lines; of a technique's `make`, a closure, only the functions inside count."""
    for path in sources(root, "jaxgen", "experiments", "benchmarks"):
        technique = "jaxgen/techniques/" in path.relative_to(root).as_posix()
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (technique and node.name == "make"):
                lines = node.end_lineno - node.lineno + 1
                yield from [f"{path}:{node.lineno}: {node.name} has {lines} lines"] * (lines > FUNCTION)


def too_long(root):
    for path in sources(root, "jaxgen", "experiments", "benchmarks", "tests"):
        lines = len(path.read_text().splitlines())
        if lines > LONGEST or (lines > 200 and path.relative_to(root).as_posix() not in LONG):
            yield f"{path}: {lines} lines"


def long_median(root):
    paths = [path for path in sources(root, "jaxgen", "experiments", "benchmarks") if path.name != "__init__.py"]
    median = statistics.median(len(path.read_text().splitlines()) for path in paths)
    yield from [f"the median of all files is {median} lines, more than {MEDIAN}"] * (median > MEDIAN)


def without_purpose(root):
    """A module of techniques/ that has a Config opens with its paper and URL and has make and tiny."""
    for path in sources(root, "jaxgen/techniques"):
        tree = parsed(path.read_text())[0]
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if "Config" in names:
            if "http" not in (ast.get_docstring(tree) or ""):
                yield f"{path}: the docstring names no URL"
            yield from (f"{path}: no {name}" for name in sorted({"make", "tiny"} - names))


RULES = [
    *[upward_imports, circles, same_names, strangers_families, packages_elsewhere, written_elsewhere],
    *[compiled_elsewhere, beyond_init_and_apply, long_functions, too_long, long_median, without_purpose],
]


def root():
    return Path(__file__).resolve().parents[1]
