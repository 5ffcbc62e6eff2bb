"""A run's directory belongs to one run."""

import pytest

from jaxgen.core.types import Refused
from jaxgen.run.workdir import open_workdir, read_config

WHO = {"flags": {"patience": 0}, "stages": [], "data": "", "free": {}}


def test_a_start_that_was_killed_early_is_not_somebody_elses_folder(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".config.json.123.part").write_text("{")
    with open_workdir(tmp_path, WHO) as place:
        assert read_config(place) == WHO


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"flags": [], "stages": {}, "data": ""}', "\x00"])
def test_a_damaged_config_is_named(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Refused, match=r"config\.json is damaged"), open_workdir(tmp_path, WHO):
        pass
    assert (tmp_path / "config.json").read_text() == text


def test_what_the_experiment_raises_is_not_taken_for_a_workdir_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError), open_workdir(tmp_path / "run", WHO):
        raise FileNotFoundError("of the experiment's own")
