"""A run's directory belongs to one run."""

import json

import pytest

from jaxgen.core.types import Refused
from jaxgen.run import control
from jaxgen.run.workdir import LAYOUT, open_workdir, read_config

IDENTITY = {"layout": LAYOUT, "flags": {"patience": 0}, "stages": [], "data": "", "free": {}}


def test_a_start_that_was_killed_early_is_not_somebody_elses_folder(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".config.json.123.part").write_text("{")
    with open_workdir(tmp_path, IDENTITY) as directory:
        assert read_config(directory) == IDENTITY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"flags": [], "stages": {}, "data": ""}', "\x00", "[" * 100_000])
def test_a_damaged_config_is_named(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Refused, match=r"config\.json is damaged"), open_workdir(tmp_path, IDENTITY):
        pass
    assert (tmp_path / "config.json").read_text() == text


def test_what_the_experiment_raises_is_not_taken_for_a_workdir_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError), open_workdir(tmp_path / "run", IDENTITY):
        raise FileNotFoundError("of the experiment's own")


def test_a_run_of_an_earlier_version_is_refused_in_one_sentence(tmp_path):
    """Its configuration had no layout: nothing is resumed from it, and nothing in it is changed."""
    old = {name: value for name, value in IDENTITY.items() if name != "layout"}
    (tmp_path / "config.json").write_text(json.dumps(old))
    with pytest.raises(Refused, match="written by another version"), open_workdir(tmp_path, IDENTITY):
        pass
    assert json.loads((tmp_path / "config.json").read_text()) == old


def beside(process, theirs):
    """The group of a process that hears from process 0 that it has this identity."""
    return control.Group(process, 2, lambda mine: [theirs, mine], lambda sentence: None, lambda: None)


def test_processes_have_one_configuration_and_the_same_files(tmp_path):
    first, second = ({**IDENTITY, "free": {"steps": steps, "process": n}} for n, steps in ((0, 4), (1, 5)))
    says = "process 1 has another configuration than process 0: steps: 4 there, 5 now"
    with pytest.raises(Refused, match=says), open_workdir(tmp_path, second, beside(1, first)):
        pass
    same = {**first, "free": {"steps": 4, "process": 1}}
    says = "is not the directory that process 0 has opened"
    with pytest.raises(Refused, match=says), open_workdir(tmp_path / "elsewhere", same, beside(1, first)):
        pass
    with open_workdir(tmp_path, first), open_workdir(tmp_path, same, beside(1, first)) as directory:
        assert directory == tmp_path


def test_a_run_from_when_devices_counted_goes_on(tmp_path):
    flags = {"devices": 0, "host_devices": 2, "accumulate": 4}
    (tmp_path / "config.json").write_text(json.dumps({**IDENTITY, "flags": {**IDENTITY["flags"], **flags}}))
    wanted = {**IDENTITY, "free": {"devices": 0, "host_devices": 1, "accumulate": 1}}
    with pytest.raises(Refused, match=r"\(accumulate: 4 there, null now\)"), open_workdir(tmp_path, wanted):
        pass
    wanted["flags"] = {**IDENTITY["flags"], "accumulate": 4}
    with open_workdir(tmp_path, wanted) as directory:
        assert directory == tmp_path
