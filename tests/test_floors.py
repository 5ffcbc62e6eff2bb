"""The house rules hold, and each notices when it is broken."""

import os
import pkgutil
import subprocess
import sys
import textwrap

import floors
import pytest

import jaxgen


@pytest.mark.parametrize("rule", floors.RULES, ids=lambda rule: rule.__name__)
def test_house_rules(rule):
    assert list(rule(floors.root())) == []


def lasting(name, lines):
    """The source of a function of so many lines."""
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)


def indented(text):
    return textwrap.indent(text, "    ")


DOC = '"""A paper, https://arxiv.org/abs/1."""\n'
WHOLE = DOC + "class Config: pass\ndef make(): pass\ndef tiny(): pass\n"
GOOD = (
    WHOLE.replace("def make(): pass", "def make():\n" + indented(lasting("loss", 60) + lasting("add", 60)))
    + "from jaxgen.techniques.a import other\nfrom jaxgen.core import loop\nimport flax.linen as nn\nimport jax\n"
    + "f = jax.vmap(jax.lax.scan), nn.Module().init, nn.Module().apply, open('name'), open('name', 'rb')\n"
)
PLANTED = [  # rule, file, text: one of each kind of violation
    (floors.upward_imports, "jaxgen/core/new.py", "import jaxgen.techniques.vae"),
    (floors.upward_imports, "jaxgen/ops/new.py", "def f():\n    from jaxgen.core import types"),
    (floors.upward_imports, "jaxgen/data/new.py", "from jaxgen.nets import layers"),
    (floors.upward_imports, "jaxgen/run/new.py", "import experiments.vae"),
    (floors.upward_imports, "jaxgen/ops/new.py", "from ..techniques import x"),
    (floors.circles, "jaxgen/core/new.py", "def f():\n    from jaxgen.core import new"),
    (floors.same_names, "jaxgen/core/good.py", ""),
    (floors.strangers_families, "jaxgen/techniques/a/new.py", "from jaxgen.techniques.b import x"),
    (floors.packages_elsewhere, "jaxgen/core/new.py", "def f():\n    import flax.linen as nn"),
    (floors.packages_elsewhere, "experiments/new.py", "from matplotlib import pyplot"),
    (floors.written_elsewhere, "jaxgen/figures/new.py", "def f(path):\n    path.write_text('x')"),
    (floors.written_elsewhere, "jaxgen/techniques/new.py", "def f(path):\n    open(path, 'wb')"),
    (floors.compiled_elsewhere, "jaxgen/techniques/a/new.py", WHOLE + "import jax\nf = jax.jit(abs)"),
    (floors.compiled_elsewhere, "jaxgen/nets/new.py", "from jax import jit\nf = jit(abs)"),
    (floors.beyond_init_and_apply, "jaxgen/nets/new.py", "def f(net, params):\n    return net.bind(params)"),
    (floors.beyond_init_and_apply, "jaxgen/nets/new.py", "import flax.linen as nn\nf = nn.jit(abs)"),
    (floors.beyond_init_and_apply, "jaxgen/nets/new.py", "import flax.linen\nf = flax.linen.transforms.scan(abs)"),
    (floors.beyond_init_and_apply, "jaxgen/nets/new.py", "from flax.training import train_state"),
    (floors.long_functions, "jaxgen/core/new.py", lasting("f", 61)),
    (floors.long_functions, "jaxgen/techniques/a/new.py", "def make():\n" + indented(lasting("loss", 61))),
    (floors.too_long, "jaxgen/nets/new.py", "x = 1\n" * 201),
    (floors.too_long, "tests/test_new.py", "x = 1\n" * 251),
    (floors.without_purpose, "jaxgen/techniques/a/new.py", WHOLE.replace("https", "ftp")),
    (floors.without_purpose, "jaxgen/techniques/a/new.py", WHOLE.replace("tiny", "small")),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED, ids=lambda x: getattr(x, "__name__", None))
def test_planted_violations_are_caught(rule, path, text, tmp_path):
    good = tmp_path / "jaxgen/techniques/a/good.py"
    good.parent.mkdir(parents=True)
    good.write_text(GOOD)
    assert list(rule(tmp_path)) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(list(rule(tmp_path))) == 1


def test_files_are_short_on_the_whole(tmp_path):
    for number in range(3):
        path = tmp_path / f"jaxgen/core/file{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n" * (100 + 20 * (number > 0)))
    assert len(list(floors.long_median(tmp_path))) == 1


def test_every_rule_is_planted_against():
    assert {rule for rule, _, _ in PLANTED} == set(floors.RULES) - {floors.long_median}


def test_nothing_touches_a_device_at_import():
    modules = [m.name for m in pkgutil.walk_packages(jaxgen.__path__, "jaxgen.")] + ["experiments.vae"]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    env = {**os.environ, "JAX_PLATFORMS": "a device that does not exist"}
    done = subprocess.run(
        [sys.executable, "-c", code, *modules], env=env, cwd=floors.root(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    planted = subprocess.run(
        [sys.executable, "-c", "import jax; jax.devices()"], env=env, capture_output=True, text=True
    )
    assert planted.returncode != 0, "the check cannot fail"
