"""Where compiled programs are kept from one process to the next."""

import jax
import pytest

from experiments import attribution, dream, style, visualize
from jaxgen.core.types import Refused
from jaxgen.run import machine
from jaxgen.run.parsing import parse

OPTIONS = [f"jax_persistent_cache_min_{name}" for name in ("compile_time_secs", "entry_size_bytes")]


@pytest.fixture
def kept(monkeypatch):
    """Sets the cache folder, in a process that keeps no programs so far; returns the folder that they are kept in."""
    before = {name: getattr(jax.config, name) for name in ("jax_compilation_cache_dir", *OPTIONS)}
    jax.config.update("jax_compilation_cache_dir", None)

    def prepared(folder, flag):
        monkeypatch.setenv("JAXGEN_CACHE", str(folder))
        machine.prepare(compilation_cache=flag)
        return jax.config.jax_compilation_cache_dir

    yield prepared
    for name, value in before.items():
        jax.config.update(name, value)


def test_auto_keeps_programs_where_they_are_kept_already_or_in_the_cache_folder(kept, tmp_path):
    folder = str(tmp_path / "one/programs" / machine.processor())
    assert kept(tmp_path / "one", "auto") == folder
    assert kept(tmp_path / "two", "auto") == folder
    assert kept(tmp_path / "two", str(tmp_path / "three")) == str(tmp_path / "three" / machine.processor())


def test_auto_does_without_where_the_cache_folder_cannot_be_made(kept, tmp_path):
    (tmp_path / "file").touch()
    assert kept(tmp_path / "file", "auto") is None
    with pytest.raises(Refused, match="cannot make the compilation cache"):
        kept(tmp_path, str(tmp_path / "file"))
    assert kept(tmp_path, "") is None


@pytest.mark.parametrize("experiment", [dream.EXPERIMENT, style.EXPERIMENT, visualize.EXPERIMENT])
def test_what_has_a_pretrained_network_keeps_its_programs(experiment):
    assert attribution.Flags().compilation_cache == machine.AUTO
    assert parse(experiment, []).flags.compilation_cache == machine.AUTO
    assert parse(experiment, ["--compilation_cache="]).flags.compilation_cache == ""
