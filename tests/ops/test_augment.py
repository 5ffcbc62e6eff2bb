"""What each kind of augmentation does to images, against slices, np.rot90, scipy and the distributions of its draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from jaxgen.ops.augment import Motion, Ranges, affine, augment, cutout, draw_motion, flip

KEY = jax.random.key(0)
ALL = Ranges(shift=1.5, rotate=20.0, zoom=0.3, flip=True, cutout=2)
EACH = [Ranges(shift=2.0), Ranges(rotate=30.0), Ranges(zoom=0.5), Ranges(flip=True), Ranges(cutout=3)]
run = jax.jit(augment, static_argnums=(2, 3))
move = jax.jit(affine, static_argnums=1)


def noise(count, *shape):
    """Images [count, H W C] without a zero."""
    return np.random.default_rng(0).uniform(0.1, 1.0, (count, int(np.prod(shape)))).astype(np.float32)


@pytest.mark.ci
def test_a_range_of_zero_is_not_in_the_program():
    x = jnp.asarray(noise(2, 4, 4, 1))
    traced = {r: str(jax.make_jaxpr(lambda k, r=r: augment(k, x, (4, 4, 1), r))(KEY)) for r in [*EACH, ALL]}
    for operation, kinds in {"gather[": 3, " cos ": 1, " exp ": 1, " div ": 1, " rev[": 1}.items():
        assert operation in traced[ALL]
        assert sum(operation in traced[ranges] for ranges in EACH) == kinds, operation


def test_affine_is_that_of_scipy():
    """Which has to be told "grid-constant": its "constant" does not interpolate between the edge and the outside."""
    shape, rng = (9, 12, 2), np.random.default_rng(2)
    x, angle, zoom = noise(8, *shape), rng.uniform(-180, 180, 8), rng.uniform(0.4, 2.5, 8)
    shift, centre = rng.uniform(-5, 5, (8, 2)), np.array([4.0, 5.5])
    motion = Motion(*(jnp.asarray(part, jnp.float32) for part in (shift, angle, zoom)))
    found = np.asarray(move(x, shape, motion)).reshape(-1, *shape)
    for n, image in enumerate(x.reshape(-1, *shape)):
        cosine, sine = np.cos(np.deg2rad(angle[n])), np.sin(np.deg2rad(angle[n]))
        matrix = np.array([[cosine, sine], [-sine, cosine]]) / zoom[n]
        offset = centre - matrix @ (centre + shift[n])
        for c in range(2):
            expected = ndimage.affine_transform(image[..., c], matrix, offset, order=1, mode="grid-constant")
            np.testing.assert_allclose(found[n, ..., c], expected, atol=1e-4)


def test_flip_mirrors_half_of_the_images_and_does_nothing_else():
    x = noise(2000, 3, 4, 2)
    images, flipped = x.reshape(-1, 3, 4, 2), np.asarray(run(KEY, x, (3, 4, 2), Ranges(flip=True))).reshape(-1, 3, 4, 2)
    mirrored, same = ((flipped == other).all((1, 2, 3)) for other in (images[:, :, ::-1], images))
    assert (mirrored ^ same).all()
    assert stats.binomtest(int(mirrored.sum()), 2000).pvalue > 1e-3
    np.testing.assert_array_equal(flip(x, (3, 4, 2), jnp.asarray(mirrored)).reshape(flipped.shape), flipped)


@pytest.mark.parametrize("side", [3, *(pytest.param(side, marks=pytest.mark.ci) for side in (1, 2, 20))])
def test_cutout_is_a_square_clipped_to_the_image(side):
    shape, centres = (5, 7, 3), np.array(list(np.ndindex(5, 7)))
    x = noise(35, *shape)
    expected = x.reshape(-1, *shape).copy()
    for image, (row, column) in zip(expected, centres):
        top, left = row - side // 2, column - side // 2
        image[max(top, 0) : top + side, max(left, 0) : left + side] = 0
    found = cutout(x, shape, jnp.asarray(centres), side)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_cutouts_are_centred_on_every_pixel_alike():
    x = noise(4000, 4, 6, 1)
    hidden = np.asarray(run(KEY, x, (4, 6, 1), Ranges(cutout=1))) == 0
    assert (hidden.sum(1) == 1).all()
    assert stats.chisquare(hidden.sum(0)).pvalue > 1e-3


def test_drawn_motions_cover_their_ranges():
    """Uniformly, zoom in its logarithm, and each independent of the others."""
    shift, angle, zoom = map(np.asarray, draw_motion(KEY, 4000, Ranges(shift=2.5, rotate=40.0, zoom=0.5)))
    draws = np.stack([*shift.T / 2.5, angle / 40.0, np.log(zoom) / np.log(1.5)])
    assert all(stats.kstest(each, stats.uniform(-1, 2).cdf).pvalue > 1e-3 for each in draws)
    assert (np.abs(np.corrcoef(draws) - np.eye(4)) < 5 / np.sqrt(4000)).all()


@pytest.mark.ci
@pytest.mark.parametrize("ranges", [ALL, *EACH[:3]])
def test_every_image_has_its_own_draws_and_a_key_says_which(ranges):
    x, shape = np.tile(noise(1, 9, 8, 1), (64, 1)), (9, 8, 1)
    drawn = run(KEY, x, shape, ranges)
    assert len(np.unique(drawn, axis=0)) == 64
    np.testing.assert_array_equal(run(jax.random.key(0), x, shape, ranges), drawn)
    assert (np.asarray(run(jax.random.key(1), x, shape, ranges)) != drawn).any(1).all()


@pytest.mark.parametrize(("shape", "ranges"), [((4, 4, 1), Ranges(1.0)), ((3, 4, 1), Ranges(-1.0))])
def test_what_cannot_be_augmented_is_refused(shape, ranges):
    with pytest.raises(ValueError, match=r"cannot augment \(2, 12\) as images of"):
        augment(KEY, jnp.zeros((2, 12)), shape, ranges)


def test_noise_is_added_last_and_differs_between_images():
    x = jnp.zeros((64, 48), jnp.float32)
    noisy = augment(jax.random.key(0), x, (4, 4, 3), Ranges(noise=0.3))
    assert abs(float(noisy.std()) - 0.3) < 0.02
    assert abs(float(noisy.mean())) < 0.02
    assert len(np.unique(np.asarray(noisy), axis=0)) == 64
