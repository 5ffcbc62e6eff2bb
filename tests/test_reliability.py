"""The table of faults holds for two techniques, and tells where a violation is planted.

In processes of their own: the script forks, which a process that has used a device must not.
"""

import json
import os
import subprocess
import sys

import floors
import pytest

pytestmark = pytest.mark.slow  # starts some twenty processes

RUN = "import sys; from benchmarks import faults, reliability\n{}\nreliability.main(sys.argv[1:])"
# A checkpoint is used though it is damaged, and a run goes on one update off.
PLANTED = """
from jaxgen.run import manifest, train
manifest.damage = lambda path: ""
going_on = train._going_on
def off(saved, stages, devices):
    (stage, state, progress), earlier = going_on(saved, stages, devices)
    return (stage, state._replace(step=state.step - 1), progress), earlier
train._going_on = off
faults.WITHIN = {"damaged": faults.damaged}
"""


def found(tmp_path, names, planted=""):
    """Exit code, what was printed, and technique -> fault -> what did not hold."""
    out = tmp_path / "numbers.json"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XLA_", "JAX_"))}
    code = RUN.format(planted)
    command = [sys.executable, "-c", code, f"--only={names}", f"--out={out}", f"--folder={tmp_path}"]
    done = subprocess.run(command, env=env, cwd=floors.root(), capture_output=True, text=True)
    assert out.exists(), done.stderr
    every = json.loads(out.read_text())["found"]
    fell = {name: {fault: one["fell"] for fault, one in each.items()} for name, each in every.items()}
    return done.returncode, done.stdout, fell


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts disks, which root alone may")
def test_every_fault_holds(tmp_path):
    code, printed, fell = found(tmp_path, "vae,rbm")
    assert code == 0, printed
    assert list(fell) == ["vae", "rbm"]
    for each in fell.values():
        assert len(each) == 9
        assert not any(each.values())


def test_violations_are_told(tmp_path):
    code, printed, fell = found(tmp_path, "vae", PLANTED)
    assert code == 1
    assert any("flipped" in one for one in fell["vae"]["damaged"])
    assert any("differ" in one for one in fell["vae"]["kill -9"])
    assert "all held" not in printed
