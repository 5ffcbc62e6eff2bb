"""Where compiled programs are kept, and for whom without being asked."""

from types import SimpleNamespace

import pytest
from refusals import refused

from experiments import attribution, dream, style, vae, visualize
from jaxgen.run import machine


@pytest.fixture
def updates(tmp_path, monkeypatch):
    """What JAX is told, where it was told of no directory before."""
    values = {}
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "options", SimpleNamespace(jax_num_cpu_devices=1, jax_compilation_cache_dir=None))
    config = SimpleNamespace(update=values.__setitem__)
    monkeypatch.setattr(machine, "jax", SimpleNamespace(config=config, process_count=lambda: 1))
    return values


def test_by_default_it_is_in_the_cache_folder(updates, tmp_path):
    machine.prepare(compilation_cache="auto")
    assert updates["jax_compilation_cache_dir"] == str(tmp_path / "cache/programs" / machine.processor())
    assert (tmp_path / "cache/programs").is_dir()


def test_what_the_environment_says_holds(updates, monkeypatch):
    monkeypatch.setattr(machine.options, "jax_compilation_cache_dir", "/elsewhere")
    machine.prepare(compilation_cache="auto")
    assert "jax_compilation_cache_dir" not in updates


def test_a_folder_that_cannot_be_made(updates, tmp_path):
    (tmp_path / "cache").write_text("a file")
    machine.prepare(compilation_cache="auto")
    assert "jax_compilation_cache_dir" not in updates
    refused("cannot make the compilation cache", machine.prepare, compilation_cache=str(tmp_path / "cache"))


def test_images_that_are_optimised_have_one():
    flags = [each.EXPERIMENT.data.flags() for each in (dream, style, visualize)]
    assert {each.compilation_cache for each in (*flags, attribution.Flags())} == {"auto"}
    assert vae.EXPERIMENT.data.flags().compilation_cache == ""
