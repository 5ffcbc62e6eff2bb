"""JAX_ENABLE_X64=1, which some of our users' other programs need: everything stays float32 and int32.

Run as a script, with that variable, it trains RUNS in a folder and holds the first cases to the contract.
"""

import os
import subprocess
import sys

import floors
import jax
import pytest
import test_contract

from experiments import autoencoder, classify, text, vae
from jaxgen.run import cli
from jaxgen.run.load import load

FEW = ("--steps=4", "--log_every=2", "--eval_every=2", "--seed=3")
SMALL = ("--dataset=digits", "--batch_size=16", *FEW)
WORDS = ("--batch_size=4", "--width=8", "--context=16", "--corpus=pydocs", *FEW)
RUNS = {
    "autoencoder": (autoencoder.EXPERIMENT, ("--kind=denoising", "--hidden=8", "--latent=4", *SMALL)),
    "vae": (vae.EXPERIMENT, ("--network=conv", "--latent=2", "--likelihood=stochastic", *SMALL)),
    "classifier": (classify.EXPERIMENT, ("--hidden=8", "--rotate=9", "--batch_norm", "--activation=prelu", *SMALL)),
    "lstm": (text.EXPERIMENT, ("--model=lstm", *WORDS)),
    "transformer": (text.EXPERIMENT, ("--model=transformer", "--heads=2", *WORDS)),
}


@pytest.mark.slow
def test_runs_go_on_without_it_and_the_contract_holds(tmp_path):
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "PYTHONPATH": str(floors.root())}
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], cwd=floors.root(), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name, (experiment, flags) in RUNS.items():
        _, state = load(tmp_path / name)
        wide = [str(a.dtype) for a in jax.tree.leaves(state) if a.dtype.itemsize == 8 and a.ndim]
        assert int(state.step) == 4
        assert not wide
        assert cli.main(experiment, [*flags, "--steps=6", f"--workdir={tmp_path / name}"]) == 0


if __name__ == "__main__":
    for name, (experiment, flags) in RUNS.items():
        if code := cli.main(experiment, [*flags, f"--workdir={sys.argv[1]}/{name}"]):
            sys.exit(code)
    first = ["-k", " or ".join(test_contract.FIRST), "-m", "not slow"]
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *first, "tests/test_contract.py"]))
