"""--profile writes a trace of a few chunks, changes no bytes of the run, and refuses a file."""

import gzip
import json

import pytest

from experiments import vae
from jaxgen.run import cli, profiling

TINY = ["--dataset=digits", "--network=mlp", "--hidden=4", "--latent=2", "--log_every=2", "--eval_every=100"]


@pytest.mark.ci
def test_chunks_are_traced(tmp_path):
    quiet = vae.EXPERIMENT._replace(show=lambda setting, result: [], watch=None)
    for steps, name in ((14, "long"), (8, "short")):  # of 7 chunks 3 are traced, of 4 the last 2
        flags = [*TINY, f"--steps={steps}", f"--workdir={tmp_path / name}", f"--profile={tmp_path / name / 'trace'}"]
        assert cli.main(quiet, flags) == 0
        (trace,) = (tmp_path / name / "trace").rglob("perfetto_trace.json.gz")
        events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
        assert len(events) > 100
    config = json.loads((tmp_path / "long/config.json").read_text())
    assert "profile" not in config["flags"]


def test_chunks_are_counted(monkeypatch):
    calls, done = [], [0]
    monkeypatch.setattr(profiling.jax.profiler, "start_trace", lambda folder, **_: calls.append((folder, *done)))
    monkeypatch.setattr(profiling.jax.profiler, "stop_trace", lambda: calls.append(("stop", *done)))
    for chunks, folder, expected in (
        (1, "x", []),
        (2, "x", [("x", 2), ("stop", 2)]),
        (9, "x", [("x", 2), ("stop", 5)]),
        (9, "", []),
    ):
        calls.clear()
        with profiling.profiled(folder) as after:
            for number in range(1, chunks + 1):
                done[:] = [number]
                after()
        assert calls == expected


def test_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "trace").write_text("")
    assert cli.main(vae.EXPERIMENT, [f"--workdir={tmp_path / 'run'}", f"--profile={tmp_path / 'trace'}"]) == 2
    assert "a trace is a directory" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
