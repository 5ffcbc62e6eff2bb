"""Every technique keeps the same promises; test_contract_planted.py breaks each of them."""

import sys
import types

import contract
import floors
import planted_game
import planted_growth
import programs
import pytest
from lowered import lowers_for_accelerators

from jaxgen import techniques
from jaxgen.run.image_reader import ImageFlags
from jaxgen.run.text_reader import TextFlags
from jaxgen.study import surfaces

programs.FORGET.append(contract.TRACES.clear)
MODULES = [*techniques.modules(), surfaces, planted_game, planted_growth]
CASES = {name: case for module in MODULES for name, case in module.tiny().items()}
PROBES = {name: case for module in MODULES for name, case in module.tiny(contract.keeps_gradients).items()}
# Of techniques that share their frame, and differ in a term of the loss or in what a network reads, one stands in the
# first tier.
ALIKE = ("autoencoder_kl", "autoencoder_contractive", "autoencoder_masking", "perceptual_grey", "adain", "dbn_labelled")
ALIKE += ("stacked_layer", "music_chord")
FIRST = {next(iter(module.tiny())) for module in MODULES if module is not planted_growth}.difference(ALIKE)
# Blank pixels under relu, pooling, a frozen layer; games, whose penalties hold slopes, which jump at kinks; images of
# almost equal pixels under pooling; which activations are the largest, of a code or of a square; units that are drawn
# with probabilities of the parameters.
ROUGH_PARTS = ("rbm", "dbn", "gan", "visualize", "fast_style", "adain", "largest", "switches", "pooled")
KINKED = [name for name in CASES if any(part in name for part in ROUGH_PARTS)]
ROUGH = ("vae_conv", "perceptual_deep", "classifier_cnn", "classifier_noisy", *KINKED)
# Each of these compiles a program of its own for each case. In the first tier stand those cases that differ most.
FEW = {
    contract.seeds_train_side_by_side: ("language_lstm", "game"),
    contract.inference_takes_one_example: ("language_transformer",),
    contract.saved_and_restored_is_the_same: ("vae_mlp", "game"),
    contract.hessian_vector_products_are_right: ("language_transformer",),
    lowers_for_accelerators: ("classifier_cnn",),
}


CHECKS = [*contract.CHECKS, lowers_for_accelerators]


def cases(check):
    """All cases as parameters. All checks of one share its compiled steps: one worker runs them."""
    for name in CASES:
        first = name in FEW.get(check, FIRST)
        yield pytest.param(name, check, marks=[pytest.mark.xdist_group(name), *([] if first else [pytest.mark.ci])])


def named(value):
    return value if isinstance(value, str) else value.__name__


@pytest.mark.parametrize(("name", "check"), [case for check in CHECKS for case in cases(check)], ids=named)
def test_contract(name, check):
    check(CASES[name])


@pytest.mark.parametrize(("name", "check"), list(cases(contract.saved_and_restored_is_the_same)), ids=named)
def test_saved_and_restored(name, check, tmp_path):
    check(CASES[name], tmp_path)


# DeepDream's, scaled, and that of clusters, whose targets count as constants, are gradients of no function.
NO_FUNCTION = ("deepdream", "clusters")
TWICE = [
    case
    for case in cases(contract.hessian_vector_products_are_right)
    if not any(part in case.values[0] for part in NO_FUNCTION)
]


@pytest.mark.parametrize(("name", "check"), TWICE, ids=named)
def test_second_derivatives(name, check):
    check(PROBES[name], smooth=name not in ROUGH)


@pytest.mark.parametrize("flags", [ImageFlags, TextFlags])
@pytest.mark.parametrize("module", techniques.modules(), ids=lambda module: module.__name__)
def test_flags(module, flags):
    contract.flags_fit_every_experiment(module.Config, flags)


@pytest.mark.ci
@pytest.mark.xdist_group("example")
@pytest.mark.parametrize("check", CHECKS, ids=named)
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
