"""The table of a judge: equally many images of each kind, of classes that belong together, in blocks."""

import jax
import numpy as np
import pytest

from jaxgen.data.examples import Examples, dataset
from jaxgen.figures import fidelity
from jaxgen.ops import frechet
from jaxgen.run.judges import Judge
from jaxgen.techniques.adversarial.judging import judge_net

SPEC = ("", "6", "tanh", "", "0123456789abcdef")
NET = judge_net(SPEC, (4, 4, 1), 3)
JUDGE = Judge("", SPEC, dict(jax.jit(NET.init)(jax.random.key(1), np.zeros((1, 16), np.float32))), 0.5)


def examples(count, seed):
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, count).astype(np.int32)
    return Examples((random.integers(0, 80, (count, 16)) + 80 * label[:, None]).astype(np.uint8), label)


def images(valid):
    return dataset("made", (4, 4, 1), ("a", "b", "c"), examples(30, 0), examples(valid, 1), examples(11, 2))


def test_blocks_that_are_not_full_are_the_images_that_they_have(monkeypatch):
    monkeypatch.setattr(fidelity, "BLOCK", 4)
    x = examples(11, 3).image
    see = fidelity.seeing(SPEC, (4, 4, 1), 3)
    assert fidelity.seeing(SPEC, (4, 4, 1), 3) is see  # compiled once
    seen = fidelity.through(see, JUDGE.variables, x)
    logits, activations = NET.apply(JUDGE.variables, x / np.float32(255))
    np.testing.assert_allclose(seen.features, activations["layer1"], atol=1e-5)
    np.testing.assert_allclose(seen.probability, jax.nn.softmax(logits), atol=1e-5)


@pytest.mark.parametrize(("valid", "floor"), [(12, "validation images"), (5, "training images")])
def test_samples_and_the_floor_are_compared_with_as_many_test_images(valid, floor):
    made, asked = images(valid), []

    def draw(label):
        asked.append(label)
        return made.test.image[[np.flatnonzero(made.test.label == each)[0] for each in label]]

    (table,) = fidelity.table(JUDGE, made, draw, conditional=True)
    assert sorted(asked[0]) == sorted(made.test.label)  # the classes of the images that samples are compared with
    assert [row[0].text for row in table.rows] == ["samples", floor]
    assert f"11 samples and 11 {floor}" in table.caption
    assert ("fitted to" in table.caption) == (valid < 11)
    assert "parameters 0123456789ab, 50.00 % right" in table.caption
    column = list(table.columns).index("as asked")
    assert table.rows[1][column].text == "–"
    see = fidelity.seeing(SPEC, (4, 4, 1), 3)
    samples, tests = (fidelity.through(see, JUDGE.variables, x).features for x in (draw(asked[0]), made.test.image))
    moments = [frechet.batch_moments(x.astype(np.float64), np.ones(11, bool)) for x in (tests, samples)]
    value = float(table.rows[0][list(table.columns).index("classifier-FID")].text)
    assert value == pytest.approx(float(frechet.distance_of(*moments)), rel=1e-3)


def test_too_few_images_have_no_table():
    made = images(12)._replace(test=examples(5, 2))
    assert not list(fidelity.table(JUDGE, made, lambda label: made.test.image))
