"""Experiments and optimisers of a user's own module, studied from its folder."""

import sys

import pytest

from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.study import training
from jaxgen.study.problems import Trial, split_arrays
from jaxgen.study.tasks import make_task

MODULE = """
import optax
from jaxgen.optim.rate import constant
from jaxgen.study import analytic

EXPERIMENT = analytic.EXPERIMENT._replace(name="mine", presets={"small": {"surface": "saddle", "steps": 3}})
other = EXPERIMENT._replace(defaults={"surface": "beale"})

def bold(learning_rate=0.02, b1=0.5): return optax.adam(learning_rate, b1)
def bare(): return optax.sgd(0.1)
def needy(learning_rate, total): return optax.sgd(learning_rate)
def strange(learning_rate=0.1): return learning_rate
def fixed(rate, *, schedule=constant): return optax.sgd(0.1)
"""
BAD = {
    "bare": "takes no learning_rate, so that none can be chosen",
    "needy": "needs total beside learning_rate",
    "strange": "returns a float, not an optax.GradientTransformation",
    "fixed": "has no leaf named rate in its state; let it take learning_rate",
    "EXPERIMENT": "is no function that takes a learning_rate",
    "lost": "the module mine_for_study has no 'lost'",
}


def make(name, optimizers=("sgd",)):
    return make_task(name, {}, [], 2, optimizers)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, which holds a module of a user's own; it is not on the path."""
    (tmp_path / "mine_for_study.py").write_text(MODULE)
    (tmp_path / "empty_for_study.py").write_text("")
    (tmp_path / "broken_for_study.py").write_text("import optax\n1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])


def test_experiments_and_optimisers_of_your_own_are_studied_from_any_folder(folder):
    mine, other = make("mine_for_study:small", optimizers=("mine_for_study:bold",)), make("mine_for_study:other:small")
    assert (mine.config.surface, mine.problem.name, mine.problem.steps) == ("saddle", "mine_for_study:small", 3)
    assert (make("mine_for_study:other").config.surface, other.config.surface) == ("beale", "saddle")
    entry = find("mine_for_study:bold")
    assert (entry.rate, entry.takes) == (0.02, {"beta1": 0.5})
    programs = training.compiled_programs(mine.problem, "mine_for_study:bold", "vmap")
    trials = [Trial(rate, 0) for rate in (0.01, 0.1)]
    ends = [
        row["valid"] for row in training.train_runs(mine.problem, programs, trials, split_arrays(mine.problem), False)
    ]
    assert ends[0][0] == ends[1][0]
    assert ends[0][-1] != ends[1][-1]


@pytest.mark.ci
def test_what_is_no_experiment_or_optimiser_is_refused(folder):
    with pytest.raises(Refused, match="the module empty_for_study has no EXPERIMENT"):
        make("empty_for_study")
    with pytest.raises(Refused, match=r"broken_for_study cannot be imported: ZeroDivisionError: .*\.py, line 2\)"):
        make("broken_for_study")
    for name in ("no_such_module", "no.such.module", "json.no_such", "../mine_for_study", ""):
        with pytest.raises(Refused, match="there is no task"):
            make(name)
    for name, sentence in BAD.items():
        with pytest.raises(Refused, match=sentence):
            make("beale", optimizers=(f"mine_for_study:{name}",))
    with pytest.raises(Refused, match="'nowhere' cannot be imported"):
        find("nowhere:sgd")
