"""Two thousand damaged and hostile files: each is read, or refused in one sentence."""

import mutant_files
import mutants
import mutations
import numpy as np
import planted_falls
import pytest


@pytest.mark.slow
def test_no_mutant_falls():
    """`python tests/mutants.py --count=2000 --seed=0` shows the same as a table."""
    found = list(mutants.outcomes(0, range(2000)))
    assert len(found) == 2000
    fallen = [line for line in mutants.table(found) if line.startswith("\nmutant")]
    assert not fallen, "".join(fallen)
    kinds = {(each.format, each.kind) for each in found}
    assert all((case.format, "refused") in kinds for case in mutant_files.CASES)  # none is so lenient that all pass
    assert sum(each.kind == "read" for each in found) > 200  # and many do


@pytest.mark.ci
def test_mutants_are_the_same_again_and_differ():
    content = bytes(range(256)) * 20
    twice = [[mutations.mutant(np.random.default_rng([3, n]), content, [b"other"]) for n in range(50)] for _ in "ab"]
    assert twice[0] == twice[1]
    assert len({data for data, _ in twice[0]}) > 40


@pytest.mark.ci
def test_what_falls_is_noticed_and_the_next_is_read():
    found = list(mutants.outcomes(0, range(len(planted_falls.CASES)), 1.0, "planted_falls"))
    for each, case in zip(found, planted_falls.CASES, strict=True):
        assert each.kind == ("fell" if case.format else "read"), each
        assert case.format in each.said
