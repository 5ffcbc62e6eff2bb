"""Every technique keeps the same promises; test_contract_planted.py breaks each of them."""

import sys
import types

import contract
import floors
import planted_game
import planted_growth
import pytest

from jaxgen import techniques
from jaxgen.run.image_reader import ImageFlags
from jaxgen.run.text_reader import TextFlags
from jaxgen.study import surfaces

MODULES = [*techniques.modules(), surfaces, planted_game, planted_growth]
CASES = {name: case for module in MODULES for name, case in module.tiny().items()}
PROBES = {name: case for module in MODULES for name, case in module.tiny(contract.keeps_gradients).items()}
FIRST = {next(iter(module.tiny())) for module in MODULES}
ROUGH = ("vae_conv", "classifier_cnn", "classifier_noisy")  # blank pixels under relu, pooling, a frozen layer
SHOWN = {"vae_mlp", "classifier_mlp", "language_lstm"}  # a technique of each kind


def cases(first):
    """The cases as parameters: those not in `first` for the second tier. One worker runs all checks of a case."""
    tier = lambda name: [] if name in first else [pytest.mark.ci]
    return [pytest.param(name, marks=[pytest.mark.xdist_group(name), *tier(name)]) for name in CASES]


def names(checks):
    return [check.__name__ for check in checks]


OF_TRAINING = [check for check in contract.CHECKS if check is not contract.inference_takes_one_example]


@pytest.mark.parametrize("check", OF_TRAINING, ids=names(OF_TRAINING))
@pytest.mark.parametrize("name", cases(FIRST))
def test_contract(name, check):
    check(CASES[name])


@pytest.mark.parametrize("name", cases(SHOWN))
def test_inference(name):
    contract.inference_takes_one_example(CASES[name])


@pytest.mark.parametrize("name", cases(SHOWN))
def test_saved_and_restored(name, tmp_path):
    contract.saved_and_restored_is_the_same(CASES[name], tmp_path)


@pytest.mark.parametrize("name", cases({}))
def test_second_derivatives(name):
    contract.hessian_vector_products_are_right(PROBES[name], smooth=name not in ROUGH)


@pytest.mark.parametrize("flags", [ImageFlags, TextFlags])
@pytest.mark.parametrize("module", techniques.modules(), ids=lambda module: module.__name__)
def test_flags(module, flags):
    contract.flags_fit_every_experiment(module.Config, flags)


@pytest.mark.ci
@pytest.mark.xdist_group("example")
@pytest.mark.parametrize("check", contract.CHECKS, ids=names(contract.CHECKS))
def test_the_technique_shown_to_contributors(check, example_technique):
    check(example_technique)


@pytest.fixture(scope="module")
def example_technique():
    """The code block of CONTRIBUTING.md, as the file a newcomer would make of it."""
    text = (floors.root() / "CONTRIBUTING.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    module = types.ModuleType("sparse")
    sys.modules["sparse"] = module  # dataclasses look their module up
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)
    return module.tiny()["sparse"]
