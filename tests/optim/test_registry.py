"""Names, what they stand for, and what is said of names that stand for nothing."""

import inspect

import pytest

from jaxgen.core.types import Refused
from jaxgen.optim.rate import constant
from jaxgen.optim.registry import LIBRARY, OPTIMIZERS, find


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ours_by_name(name):
    entry = find(name)
    assert entry.factory is OPTIMIZERS[name]
    parameters = inspect.signature(entry.factory).parameters
    assert [key for key in parameters if key not in LIBRARY] == [*entry.takes]
    assert parameters["schedule"].default is constant
    assert entry.takes.keys() <= {"momentum", "beta1", "beta2", "eps", "eps_inside_root", "weight_decay", "decay_all"}
    assert {key: each.default for key, each in parameters.items() if key in entry.takes} == entry.takes
    assert ("eps" in entry.takes) is ("eps_inside_root" in entry.takes)


def test_published_rates():
    known = {"sgd": 0.01, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01, "adadelta": 1.0, "lion": 1e-4}
    assert {name: find(name).rate for name in OPTIMIZERS} == dict.fromkeys(OPTIMIZERS, 1e-3) | known
    theirs = {"optax.adam": 1e-3, "optax.sgd": 0.01, "optax.lion": 1e-4, "optax.adadelta": 1.0, "optax.muon": 2e-2}
    theirs |= {
        "optax.prodigy": 1.0,
        "optax.dadapt_adamw": 1.0,
        "optax.radam": 1e-3,
        "optax.momo_adam": 1e-2,
        "optax.polyak_sgd": 1.0,
        "optax.lbfgs": 1.0,
    }
    assert {name: find(name).rate for name in theirs} == theirs


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adm", r"there is no optimizer 'adm'; the nearest: adam, optax.adam, "),
        ("Adam", r"there is no optimizer 'Adam'; the nearest: adam, optax.adam, "),
        ("muon", r"there is no optimizer 'muon'; the nearest: optax.muon$"),
        ("optax.rmsprp", r"there is no optimizer 'optax.rmsprp'; the nearest: rmsprop, optax.rmsprop$"),
        ("optax.contrib.adam", r"there is no optimizer 'optax.contrib.adam'; the nearest: adam, optax.adam, "),
        ("torch.adam", r"there is no optimizer 'torch.adam'; the nearest: adam, optax.adam, "),
        ("xyzzy", r"there is no optimizer 'xyzzy'; there are sgd, .*, lion, and optax.NAME for those of optax$"),
        ("", r"there is no optimizer ''; there are sgd, "),
        ("optax.__name__", r"there is no optimizer 'optax.__name__'; there are sgd, "),
        ("optax.lookahead", r"^optax.lookahead cannot be used: it wraps another optimiser, which no flag names$"),
        ("optax.contrib.sam", r"^optax.contrib.sam cannot be used: it wraps another optimiser"),
        ("optax.schedule_free", r"it wraps another optimiser"),
        ("optax.mechanize", r"it wraps another optimiser"),
        ("optax.chain", r"it wraps another optimiser"),
        ("optax.inject_hyperparams", r"it wraps another optimiser"),
        ("optax.dpsgd", r"it needs the gradient of each example, and a step has their mean$"),
        ("optax.scale_by_adam", r"it takes no learning rate, so that it is a part of optimisers or none$"),
        ("optax.scale_by_madgrad", r"it takes no learning rate"),
        ("optax.reduce_on_plateau", r"it takes no learning rate"),
        ("optax.global_norm", r"it takes no learning rate"),
        ("optax.optimistic_adam", r"it will be dropped: `optimistic_adam` is deprecated, please use [^.]*$"),
    ],
)
def test_refused_in_one_sentence(name, message):
    with pytest.raises(Refused, match=message) as refused:
        find(name)
    assert "\n" not in str(refused.value)
