"""What TensorBoard reads of a run: curves, pictures, texts and hyper-parameters, each once."""

import sys

import jax.numpy as jnp
import numpy as np
import planted_growth
import pytest

from jaxgen.run import cli
from jaxgen.run.events import open_events


def found(workdir):
    """Every event below tensorboard/. TFRecords: length, its checksum, the event, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    events = []
    for path in sorted((workdir / "tensorboard").iterdir()):
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            events.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return events


def starts(events):
    """Where TensorBoard drops what it has read before."""
    return [event.step for event in events if event.session_log.status == event.session_log.START]


def test_events_are_on_disk_before_the_run_ends(tmp_path):
    pytest.importorskip("tensorboardX")
    events = open_events(tmp_path)
    events.write(3, {"loss": jnp.float32(0.5), "image": np.zeros((4, 5), np.uint8), "text": "a\nb"})
    (first,) = (tmp_path / "tensorboard").iterdir()
    assert b"loss" in first.read_bytes()
    events.settle({"rate": 0.1, "hidden": [3, 4], "open": None}, {"test_loss": 0.5})
    events.close()
    open_events(tmp_path, purge_step=4).close()
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2, "a second run in one second keeps the first one's file"
    read = found(tmp_path)
    assert starts(read) == [4]
    values = {value.tag: (event.step, value) for event in read for value in event.summary.value}
    assert (values["loss"][0], values["loss"][1].simple_value) == (3, 0.5)
    assert (values["image"][1].image.height, values["image"][1].image.width) == (4, 5)
    assert values["text/text_summary"][1].tensor.string_val == [b"a\nb"]
    settings = values["_hparams_/session_start_info"][1].metadata.plugin_data.content
    assert all(word in settings for word in (b"rate", b"hidden", b"[3, 4]"))
    assert b"open" not in settings


@pytest.mark.ci
def test_a_run_that_begins_again_has_one_curve(tmp_path):
    """Killed before its first checkpoint: what it had written is dropped, as of metrics.jsonl. Pictures are there."""
    pytest.importorskip("tensorboardX")

    def look(setting, stages):
        def at(number, total, state):
            if total == 3 and not again:
                raise KeyboardInterrupt
            return planted_growth.look(setting, stages)(number, total, state)

        return at

    experiment = planted_growth.EXPERIMENT._replace(watch=planted_growth.EXPERIMENT.watch._replace(look=look))
    argv = ["--steps=9", "--norms", "--checkpoint_every=100", f"--workdir={tmp_path}"]
    for again in (False, True):
        assert cli.main(experiment, argv) == (0 if again else 130)
    read = found(tmp_path)
    assert starts(read) == [1]
    last = read[next(n for n, event in enumerate(read) if event.session_log.status == event.session_log.START) :]
    tags = {value.tag for event in last for value in event.summary.value}
    assert {"train/loss", "train/gradient_norm", "timing/images_per_second", "samples/image", "test_error"} <= tags


def test_events_do_nothing_without_tensorboardx(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    events = open_events(tmp_path)
    events.write(1, {"loss": 1.0})
    events.settle({}, {})
    events.close()
    assert list(tmp_path.iterdir()) == []
