"""Settings that cannot be: one sentence each."""

import re

import pytest

from jaxgen.core.types import Refused
from jaxgen.optim.settings import Settings, chosen


def test_what_an_optimiser_has_is_told():
    with pytest.raises(Refused, match=r"^--optimizer=sgd has no --eps; it has no hyper-parameters$"):
        chosen("sgd", Settings(eps=1e-4))
    with pytest.raises(Refused, match=r"^--optimizer=rmsprop has no --momentum; it has --beta2, --eps, "):
        chosen("rmsprop", Settings(momentum=0.5))


LIST = "--boundaries is a list of updates, rising, such as 500,1000, not "
RISE = "must rise from one to the next, between 0 and 2^31"
WRONG = {
    "decay_steps of cosine": (
        {"schedule": "cosine", "decay_steps": 3},
        "--decay_steps is for --schedule=exponential or power or inverse_time, not cosine",
    ),
    "floor of constant": ({"rate_floor": 0.1}, "--rate_floor is for --schedule=cosine, not constant"),
    "boundaries of cosine": (
        {"schedule": "cosine", "boundaries": "5"},
        "--boundaries is for --schedule=piecewise, not cosine",
    ),
    "no boundaries": ({"schedule": "piecewise"}, LIST + "''"),
    "words": ({"schedule": "piecewise", "boundaries": "5,x"}, LIST + "'5,x'"),
    "fractions": ({"schedule": "piecewise", "boundaries": "5,7.5"}, LIST + "'5,7.5'"),
    "below 0": ({"schedule": "piecewise", "boundaries": "-5"}, LIST + "'-5'"),
    "at 0": (
        {"schedule": "piecewise", "boundaries": "0,5"},
        f"--boundaries=0,5 {RISE}",
    ),
    "falling": (
        {"schedule": "piecewise", "boundaries": "7,5"},
        f"--boundaries=7,5 {RISE}",
    ),
    "beyond counting": (
        {"schedule": "piecewise", "boundaries": "5,3000000000"},
        f"--boundaries=5,3000000000 {RISE}",
    ),
    "long": ({"schedule": "piecewise", "boundaries": "9" * 5000}, LIST + repr("9" * 50)),
    "one too many": (
        {"schedule": "piecewise", "boundaries": "5,9", "factors": "1,2,3"},
        "--factors=1,2,3 are 3 for the 2 of --boundaries=5,9; there must be one for each",
    ),
    "no factors": (
        {"schedule": "piecewise", "boundaries": "5,9", "factors": ""},
        "--factors is a list of factors of the learning rate such as 0.1,0.01, not ''",
    ),
    "not finite": (
        {"schedule": "piecewise", "boundaries": "5", "factors": "nan"},
        "--factors is a list of factors of the learning rate such as 0.1,0.01, not 'nan'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_schedules_that_cannot_be(name):
    given, said = WRONG[name]
    with pytest.raises(Refused, match=f"^{re.escape(said)}$"):
        chosen("adam", Settings(**given))
