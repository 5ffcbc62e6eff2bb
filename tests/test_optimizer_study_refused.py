"""What a study answers to wrong input: one sentence, exit code 2, and nothing is written."""

import pytest
from studies import go
from worker import refused

from jaxgen.study import surfaces

pytestmark = pytest.mark.ci

WRONG = {
    "an optimizer": (["--optimizers=sgd,adamm"], "there is no optimizer 'adamm'; the nearest: adam"),
    "optax's": (["--optimizers=optax.lookahead"], "optax.lookahead cannot be used: it wraps another optimiser"),
    "no optimizer": (["--optimizers=,"], "--optimizers names nothing"),
    "the range": (["--learning_rates=1e-4:1e0"], "--learning_rates is LOW:HIGH:COUNT or a list"),
    "an empty range": (["--learning_rates=1:0.1:3"], "LOW must be below HIGH"),
    "no seeds": (["--seeds=0"], "--seeds must be at least 1, not 0"),
    "no tuning seeds": (["--tuning_seeds=0"], "--tuning_seeds must be at least 1, not 0"),
    "a task": (["--tasks=clasifier"], "there is no task 'clasifier'; the nearest: classifier"),
    "a preset": (
        ["--tasks=classifier:lectur"],
        "unknown preset 'lectur'; known: cnn, deep, digits, fast, judge, lecture, numerals",
    ),
    "a surface": (["--tasks=surface:hill"], "unknown preset 'hill'; known: beale, quadratic, rosenbrock, saddle"),
    "the baseline": (["--baseline=lion"], "--baseline=lion is none of --optimizers=sgd,adam"),
    "a hyper-parameter": (["--momentum=0.5"], "--momentum: none of sgd, adam has it"),
    "rates of its own": (["--rates=lion:0.1"], "--rates=lion:0.1: 'lion:0.1' is no OPTIMIZER:RATES of sgd, adam"),
    "rates that are none": (["--rates=sgd:x"], "--rates=sgd: is LOW:HIGH:COUNT or a list"),
    "what varies": (["--vary=seed=1,2"], "--vary=seed: it is no hyper-parameter of the tasks; there are "),
    "no value": (["--vary=l2="], "--vary is FLAG=VALUE,VALUE,..."),
    "one that adam lacks": (["--vary=momentum=0,0.9"], "--vary=momentum: sgd, adam has no --momentum"),
    "varied and given": (["--vary=l2=0,1", "--l2=1"], "--vary=l2=... and --l2 exclude each other"),
    "a cut schedule": (["--max_seconds=1", "--schedule=cosine"], "the schedule of quadratic ends with the run"),
    "the mode": (["--mode=loop"], "--mode"),
    "patience": (["--patience=3"], "--patience is for single runs"),
    "a schedule": (["--decay_rate=0.5"], "--decay_rate is for --schedule="),
    "the batch": (["--tasks=classifier:digits", "--batch_size=5000"], "a batch of 5000 is larger than the set"),
    "the target": (["--target=0.9,0.8"], "--target is a number for each of --tasks=quadratic"),
    "the share": (["--target_share=0"], "--target_share must be above 0"),
    "too large a set": (["--tasks=classifier:digits", "--resident_mb=0"], "do not fit in --resident_mb"),
}


@pytest.mark.parametrize(("wrong", "sentence"), WRONG.values(), ids=list(WRONG))
def test_wrong_input_is_one_sentence(wrong, sentence, tmp_path, capsys):
    refused(capsys, go(tmp_path / "study", *wrong), sentence)
    assert not (tmp_path / "study").exists()


def test_a_task_without_an_objective(tmp_path, capsys, monkeypatch):
    make = surfaces.make
    bare = lambda *args: (t := make(*args))._replace(evaluate=t.evaluate._replace(definitions={}))
    monkeypatch.setattr(surfaces, "make", bare)
    refused(capsys, go(tmp_path / "study"), "quadratic has no objective")
