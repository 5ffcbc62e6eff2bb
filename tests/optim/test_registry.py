"""Names, what they stand for, and what is said of names that stand for nothing."""

import inspect

import pytest

from jaxgen.core.types import Refused
from jaxgen.optim.rate import constant
from jaxgen.optim.registry import LIBRARY, OPTIMIZERS, find


def test_ours_by_name():
    for name, factory in OPTIMIZERS.items():
        entry, parameters = find(name), inspect.signature(factory).parameters
        assert entry.factory is factory
        assert parameters["schedule"].default is constant
        assert entry.takes == {key: each.default for key, each in parameters.items() if key not in LIBRARY}
        assert ("eps" in entry.takes) is ("eps_inside_root" in entry.takes)


def test_published_rates():
    known = {"sgd": 0.01, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01, "adadelta": 1.0, "lion": 1e-4}
    assert {name: find(name).rate for name in OPTIMIZERS} == dict.fromkeys(OPTIMIZERS, 1e-3) | known
    theirs = {"adam": 1e-3, "sgd": 0.01, "lion": 1e-4, "adadelta": 1.0, "muon": 2e-2, "nadamw": 1e-3, "lbfgs": 1.0}
    theirs |= {"prodigy": 1.0, "dadapt_adamw": 1.0, "momo_adam": 1e-2, "polyak_sgd": 1.0}
    assert {name: find(f"optax.{name}").rate for name in theirs} == theirs


REFUSED = {
    "adm": r"there is no optimizer 'adm'; the nearest: adam, optax.adam, ",
    "muon": r"there is no optimizer 'muon'; the nearest: optax.muon$",
    "optax.contrib.Adam": r"there is no optimizer 'optax.contrib.Adam'; the nearest: adam, optax.adam, ",
    "xyzzy": r"there is no optimizer 'xyzzy'; there are sgd, .*, lion, and optax.NAME for those of optax$",
    "optax.__name__": r"there is no optimizer 'optax.__name__'; there are sgd, ",
    "optax.lookahead": r"^optax.lookahead cannot be used: it wraps another optimiser, which no flag names$",
    "optax.dpsgd": r"it needs the gradient of each example, and a step has their mean$",
    "optax.scale_by_madgrad": r"it takes no learning rate, so that it is a part of optimisers or none$",
    "optax.optimistic_adam": r"it will be dropped: `optimistic_adam` is deprecated, please use [^.]*$",
}


def test_refused_in_one_sentence():
    for name, message in REFUSED.items():
        with pytest.raises(Refused, match=message) as refused:
            find(name)
        assert "\n" not in str(refused.value)
