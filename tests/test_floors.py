"""The house rules hold, and each notices when it is broken."""

import os
import pkgutil
import subprocess
import sys
import textwrap

import floors
import pytest

import jaxgen


def test_house_rules():
    assert [broken for rule in floors.RULES for broken in rule(floors.root())] == []


def lasting(name, lines):
    """The source of a function of so many lines."""
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)


def indented(text):
    return textwrap.indent(text, "    ")


DOC = '"""A paper, https://arxiv.org/abs/1."""\n'
WHOLE = DOC + "class Config: pass\ndef make(): pass\ndef tiny(): pass\n"
GOOD = (
    WHOLE.replace("def make(): pass", "def make():\n" + indented(lasting("loss", 60)))
    + "from jaxgen.techniques.a import other\nfrom jaxgen.core import loop\nimport flax.linen as nn\nimport jax\n"
    + "f = jax.vmap(jax.lax.scan), nn.Module().init, nn.Module().apply, open('name'), open('name', 'rb')\n"
)
PLANTED = {  # rule -> file, text: a violation each
    floors.upward_imports: ("jaxgen/data/new.py", "def f():\n    from jaxgen.nets import layers"),
    floors.circles: ("jaxgen/core/new.py", "def f():\n    from jaxgen.core import new"),
    floors.same_names: ("jaxgen/core/good.py", ""),
    floors.strangers_families: ("jaxgen/techniques/a/new.py", "from jaxgen.techniques.b import x"),
    floors.packages_elsewhere: ("jaxgen/core/new.py", "def f():\n    import flax.linen as nn"),
    floors.written_elsewhere: ("jaxgen/techniques/new.py", "def f(path):\n    open(path, 'wb')"),
    floors.compiled_elsewhere: ("jaxgen/nets/new.py", "import jax\nf = jax.jit(abs)"),
    floors.beyond_init_and_apply: ("jaxgen/nets/new.py", "import flax.linen\nf = flax.linen.transforms.scan(abs)"),
    floors.long_functions: ("jaxgen/techniques/a/new.py", "def make():\n" + indented(lasting("loss", 61))),
    floors.too_long: ("jaxgen/nets/new.py", "x = 1\n" * 201),
    floors.long_median: ("jaxgen/techniques/a/good.py", "x = 1\n" * 120),
    floors.without_purpose: ("jaxgen/techniques/a/new.py", WHOLE.replace("https", "ftp")),
}


@pytest.mark.parametrize("rule", floors.RULES, ids=lambda rule: rule.__name__)
def test_each_notices_when_it_is_broken(rule, tmp_path):
    good, (path, text) = tmp_path / "jaxgen/techniques/a/good.py", PLANTED[rule]
    good.parent.mkdir(parents=True)
    good.write_text(GOOD)
    assert list(rule(tmp_path)) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(list(rule(tmp_path))) == 1


@pytest.mark.slow  # starts processes
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
