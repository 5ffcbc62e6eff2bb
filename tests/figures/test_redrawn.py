"""Reconstructions: which code is the nearest, and renderings that a classifier tells apart."""

import types

import numpy as np

from jaxgen.figures import redrawn


def test_a_reconstruction_finds_its_source_where_no_other_is_nearer():
    sources = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [9.0, 9.0]])
    codes = sources + np.array([[1.0, 0.5], [-3.0, 0.0], [0.1, 0.0], [0.0, -1.0]])
    assert redrawn.nearest(codes, sources) == 0.75


def test_a_classifier_tells_renderings_apart():
    """Lines down and lines across, whose places and lengths differ."""
    rng = np.random.default_rng(0)
    count = 240
    label = np.arange(count) % 2
    strokes = np.zeros((count, 3, 3), np.float32)
    strokes[:, 1:, :2] = rng.uniform(0.5, 1.5, (count, 2, 1)) * np.eye(2)[label][:, None]
    strokes[:, 1:, :2] += rng.normal(0.0, 0.1, (count, 2, 2))
    split = types.SimpleNamespace(strokes=strokes, length=np.full(count, 3, np.int32), label=label.astype(np.int32))
    judge = redrawn.classifier(split, ("across", "down"))
    drawings, labels = redrawn.chosen(split)
    assert len(labels) == count
    images = redrawn.rendered(drawings)
    assert images.shape == (count, redrawn.SIDE**2)
    assert redrawn.recognised(*judge, images, labels) > 0.95
    assert redrawn.recognised(*judge, images, 1 - labels) < 0.05
