import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.study import grid


def test_a_logarithmic_grid_has_tidy_numbers():
    assert grid.parse_rates("1e-4:1e0:13")[:5] == [0.0001, 0.0002154, 0.0004642, 0.001, 0.002154]
    assert grid.parse_rates("1e-4:1e0:13")[-1] == 1.0
    found = np.array(grid.parse_rates("1e-3:10:17"))
    np.testing.assert_allclose(found[1:] / found[:-1], 10**0.25, rtol=1e-3)


def test_a_list_is_sorted_and_has_no_twins():
    assert grid.parse_rates("0.1,0.01,0.1") == [0.01, 0.1]
    assert grid.parse_rates("3") == [3.0]


@pytest.mark.parametrize("text", ["", "a", "1:2", "0:1:3", "-1:1:3", "1:nan:3", "1:inf:3", "0.1,", "1:2:3:4", "1e300"])
def test_other_text_is_refused(text):
    with pytest.raises(Refused, match="--learning_rates is LOW:HIGH:COUNT or a list"):
        grid.parse_rates(text)


@pytest.mark.parametrize("text", ["1:1:3", "2:1:3", "1:2:1", "1:2:1001"])
def test_a_grid_that_is_none_is_refused(text):
    with pytest.raises(Refused, match="LOW must be below HIGH, COUNT from 2 to 1000"):
        grid.parse_rates(text)


def test_own_rates_find_names_with_colons():
    own = grid.parse_own_rates("mine:adam:1e-3:1e-1:3;sgd:0.2,0.1", ["sgd", "mine:ada", "mine:adam"])
    assert own == {"mine:adam": (0.001, 0.01, 0.1), "sgd": (0.1, 0.2)}
    assert grid.parse_own_rates("", ["sgd"]) == {}


def test_a_wider_grid_goes_on_with_the_same_ratio():
    assert grid.wider([0.01, 0.1, 1.0], "high") == [0.01, 0.1, 1.0, 10.0, 100.0]
    assert grid.wider([0.01, 0.1], "low") == [0.0001, 0.001, 0.01, 0.1]
    assert grid.wider([0.01], "low") == [0.01]


def test_rates_that_four_digits_cannot_tell_apart_are_refused():
    with pytest.raises(Refused, match="5 rates so close are the same to 4 digits"):
        grid.parse_rates("1:1.0001:5")
