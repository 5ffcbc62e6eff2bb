import sys

import jax.numpy as jnp
import pytest

from jaxgen.run import record


def test_events_are_on_disk_before_the_run_ends(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    events = record.events(tmp_path)
    events.write(3, {"loss": jnp.float32(0.5)})
    (first,) = (tmp_path / "tensorboard").iterdir()
    assert b"loss" in first.read_bytes()
    events.close()
    resumed = record.events(tmp_path, purge_step=4)
    resumed.close()
    files = sorted((tmp_path / "tensorboard").iterdir())
    assert len(files) == 2  # a second run in the same second keeps the first one's file
    found = [event for path in files for event in read_events(path.read_bytes(), Event)]
    assert [(e.step, v.tag, v.simple_value) for e in found for v in e.summary.value] == [(3, "loss", 0.5)]
    assert any(e.step == 4 and e.session_log.status == e.session_log.START for e in found)


def read_events(data, parse):
    """TFRecords: length, its checksum, the event, its checksum."""
    while data:
        length = int.from_bytes(data[:8], "little")
        yield parse.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def test_events_do_nothing_without_tensorboardx(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    events = record.events(tmp_path)
    events.write(1, {"loss": 1.0})
    events.close()
    assert list(tmp_path.iterdir()) == []
