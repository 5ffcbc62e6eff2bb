import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Measured, Refused
from jaxgen.run import provenance, record

TIMING = {"seconds": 1.5, "steps_per_second": 60.0}


def row(stage, step):
    loss = np.float32(1) / np.float32(step + 3)
    found = {"timing": TIMING, "train": {"loss": loss, "accuracy": jnp.float32(0.1)}, "step": step}
    return {**found, "stage": stage, **({"valid": {"loss": 2.0}} if step % 4 == 0 else {})}


EVENTS = [(0, 2), (0, 4), (0, 6), (1, 2), (1, 4), (1, 6)]


def write(path, events):
    for event in events:
        record.append(path, row(*event))


def test_a_line_has_a_fixed_order_and_full_floats(tmp_path):
    write(tmp_path / "m", [(0, 4)])
    line = (tmp_path / "m").read_text()
    assert line == (
        '{"stage": 0, "step": 4, "train": {"accuracy": 0.10000000149011612, "loss": 0.1428571492433548}, '
        '"valid": {"loss": 2.0}, "timing": {"seconds": 1.5, "steps_per_second": 60.0}}\n'
    )


def test_float32_values_survive(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 300, np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]  # all magnitudes, denormal ones too
    for n, value in enumerate(values):
        record.append(tmp_path / "m", {"stage": 0, "step": n, "train": {"x": value}, "timing": TIMING})
    read = np.array([r["train"]["x"] for r in record.read_rows(tmp_path / "m")], np.float32)
    np.testing.assert_array_equal(read, values)


def test_what_is_not_finite_is_null_for_every_reader(tmp_path):
    train = {"a": math.nan, "b": math.inf, "c": np.float32("-inf")}
    record.append(tmp_path / "m", {"stage": 0, "step": 1, "train": train, "timing": TIMING})
    strict = json.loads((tmp_path / "m").read_text(), parse_constant=pytest.fail)
    assert strict["train"] == {"a": None, "b": None, "c": None}
    assert all(math.isnan(value) for value in record.read_rows(tmp_path / "m")[0]["train"].values())


def test_unknown_keys_are_named(tmp_path):
    with pytest.raises(ValueError, match="no key rate"):
        record.append(tmp_path / "m", {**row(0, 1), "rate": 0.1})
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("torn", [b"", b'{"stage": 1, "st', b'{"stage": 1}', b"17", b"\xff\n"])
@pytest.mark.parametrize("written", [2, 6])
def test_a_resumed_file_is_that_of_an_uninterrupted_run(tmp_path, torn, written):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    write(whole, EVENTS)
    write(resumed, EVENTS[:written])
    with open(resumed, "ab") as file:
        file.write(torn)
    assert len(record.read_rows(resumed)) == written  # the torn last line is not there for readers
    record.rewind(resumed, *EVENTS[1])
    assert [(r["stage"], r["step"]) for r in record.read_rows(resumed)] == EVENTS[:2]
    write(resumed, EVENTS[2:])
    assert resumed.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == [resumed, whole]


def test_rewind_goes_by_stage_first_and_needs_no_file(tmp_path):
    path = tmp_path / "m"
    record.rewind(path, 0, 0)
    assert not path.exists()
    write(path, EVENTS)
    record.rewind(path, 1, 2)
    assert [(r["stage"], r["step"]) for r in record.read_rows(path)] == EVENTS[:4]
    before = path.stat()
    record.rewind(path, 1, 2)
    assert path.stat().st_ino == before.st_ino  # nothing to drop, nothing rewritten
    record.rewind(path, 0, 0)
    assert path.read_bytes() == b""


def test_a_damaged_line_in_the_middle_is_no_torn_end(tmp_path):
    (tmp_path / "m").write_bytes(record.to_line(row(0, 1)) + b'{"sta\n' + record.to_line(row(0, 2)))
    with pytest.raises(Refused, match=r"line 2 of .* is damaged"):
        record.read_rows(tmp_path / "m")


def test_fingerprint_sees_every_change():
    def params():
        return {"dense": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(3, np.float32)}}

    def flipped():
        tree = params()
        tree["dense"]["kernel"].view(np.uint8)[0, 0] ^= 1
        return tree

    kernel, bias = params()["dense"].values()
    trees = {
        "as it is": params(),
        "one bit": flipped(),
        "sign of zero": {"dense": {"kernel": kernel, "bias": -bias}},
        "renamed": {"dense": {"kernels": kernel, "bias": bias}},
        "moved": {"other": {"kernel": kernel, "bias": bias}},
        "dtype": {"dense": {"kernel": kernel.view(np.int32), "bias": bias}},
        "shape": {"dense": {"kernel": kernel.reshape(3, 2), "bias": bias}},
        "key": {"dense": {"kernel": kernel, "bias": bias, "key": jax.random.key(0)}},
        "another key": {"dense": {"kernel": kernel, "bias": bias, "key": jax.random.key(1)}},
        "raw key": {"dense": {"kernel": kernel, "bias": bias, "key": jax.random.PRNGKey(0)}},
        "empty": {},
    }
    prints = {name: provenance.fingerprint(tree) for name, tree in trees.items()}
    assert len(set(prints.values())) == len(trees), prints
    assert prints["as it is"] == provenance.fingerprint(jax.tree.map(jnp.asarray, params()))  # wherever it lives
    assert all(len(value) == 64 for value in prints.values())


def test_summary_has_what_the_design_promises(tmp_path):
    path = tmp_path / "summary.json"
    metrics = {
        "test_nll": Measured(np.float32(0.5), "nats"),
        "a": Measured(math.nan, "b"),
    }
    config = {"hidden": (3, 4), "clip": math.inf, "path": tmp_path, "nested": {"rate": 0.1}}
    given = {
        "technique": "vae",
        "config": config,
        "seed": 1,
        "steps": 5,
        "seconds": 1.23456,
        "params_sha256": "ab",
    }
    returned = record.write_summary(path, **given, metrics=metrics)
    summary = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert summary == returned
    added = {"device", "arithmetic", "memory", "versions", "date"}
    assert set(summary) == {*given, *added, "best_step", "metrics"}
    assert list(summary["metrics"]) == ["test_nll", "a"]  # the headline stays first
    assert summary["metrics"]["test_nll"] == {"value": 0.5, "definition": "nats"}
    assert summary["metrics"]["a"]["value"] is None
    assert summary["config"] == {
        "hidden": [3, 4],
        "clip": "Infinity",
        "path": str(tmp_path),
        "nested": {"rate": 0.1},
    }
    assert set(summary["versions"]) == {"python", "jax", "jaxlib", "flax", "optax", "numpy"}
    device = {"platform": "cpu", "kind": provenance.cpu_name(), "count": jax.device_count()}
    assert summary["device"] == device
    assert summary["memory"]["of"] == "process"
    assert 2**26 < summary["memory"]["peak_bytes"] < 2**40
    assert list(tmp_path.iterdir()) == [path]


def test_a_last_line_without_its_end_does_not_swallow_the_next(tmp_path):
    path, row = (
        tmp_path / "metrics.jsonl",
        {"stage": 0, "train": {"loss": 1.0}, "timing": {"seconds": 1, "steps_per_second": 1}},
    )
    record.append(path, {**row, "step": 1})
    path.write_bytes(path.read_bytes()[:-1])
    assert [r["step"] for r in record.rewind(path, 0, 5)] == [1]
    record.append(path, {**row, "step": 2})
    assert [r["step"] for r in record.read_rows(path)] == [1, 2]
