"""The house rules hold, and each notices when it is broken."""

import os
import pkgutil
import subprocess
import sys

import floors
import pytest

import jaxgen


@pytest.mark.parametrize("rule", floors.RULES, ids=lambda rule: rule.__name__)
def test_house_rules(rule):
    assert list(rule(floors.root())) == []


DOC = '"""A paper, https://arxiv.org/abs/1."""\n'
WHOLE = DOC + "class Config: pass\ndef make(): pass\ndef tiny(): pass\n"
PLANTED = [
    (floors.upward_imports, "jaxgen/core/new.py", "import jaxgen.techniques.vae"),
    (floors.upward_imports, "jaxgen/nets/new.py", "def f():\n    from jaxgen import cli"),
    (floors.upward_imports, "jaxgen/data/new.py", "from jaxgen.techniques.text import lstm"),
    (floors.upward_imports, "jaxgen/cli2.py", "import experiments.vae"),
    (floors.upward_imports, "jaxgen/ops/new.py", "from ..techniques import x"),
    (floors.strangers_families, "jaxgen/techniques/a/new.py", "from jaxgen.techniques.b import x"),
    (floors.layers_elsewhere, "jaxgen/core/new.py", "def f():\n    import flax.linen as nn"),
    (floors.layers_elsewhere, "experiments/new.py", "from flax import linen"),
    (floors.compiled_elsewhere, "jaxgen/techniques/a/new.py", WHOLE + "import jax\nf = jax.jit(abs)"),
    (floors.too_long, "jaxgen/nets/new.py", "x = 1\n" * 201),
    (floors.too_long, "tests/test_new.py", "x = 1\n" * 301),
    (floors.without_purpose, "jaxgen/techniques/a/new.py", WHOLE.replace("https", "ftp")),
    (floors.without_purpose, "jaxgen/techniques/a/new.py", WHOLE.replace("tiny", "small")),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED, ids=lambda x: getattr(x, "__name__", None))
def test_planted_violations_are_caught(rule, path, text, tmp_path):
    good = tmp_path / "jaxgen/techniques/a/good.py"
    good.parent.mkdir(parents=True)
    good.write_text(WHOLE + "from jaxgen.techniques.a import other\nfrom jaxgen.core import loop\n")
    assert list(rule(tmp_path)) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(list(rule(tmp_path))) == 1


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
