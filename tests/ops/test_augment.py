"""What each kind of augmentation does to images, against slices, np.rot90, scipy and the distributions of its draws."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from jaxgen.ops.augment import Motion, Ranges, affine, augment, cutout, flip

KEY = jax.random.key(0)
ALL = Ranges(shift=1.5, rotate=20.0, zoom=0.3, flip=True, cutout=2)
EACH = [Ranges(shift=2.0), Ranges(rotate=30.0), Ranges(zoom=0.5), Ranges(flip=True), Ranges(cutout=3)]
run = jax.jit(augment, static_argnums=(2, 3))
move = jax.jit(affine, static_argnums=1)


def noise(count, *shape):
    """Images [count, H W C] without a zero."""
    return np.random.default_rng(0).uniform(0.1, 1.0, (count, int(np.prod(shape)))).astype(np.float32)


def test_zero_ranges_are_the_identity():
    x = jnp.asarray(noise(3, 4, 5, 2))
    assert augment(KEY, x, (4, 5, 2), Ranges()) is x
    np.testing.assert_array_equal(run(KEY, x, (4, 5, 2), Ranges(0, 0.0, 0, False, 0)), x)


def test_a_range_of_zero_is_not_in_the_program():
    x = jnp.asarray(noise(2, 4, 4, 1))
    traced = {r: str(jax.make_jaxpr(lambda k, r=r: augment(k, x, (4, 4, 1), r))(KEY)) for r in [*EACH, ALL]}
    for operation, kinds in {"gather[": 3, " cos ": 1, " exp ": 1, " div ": 1, " rev[": 1}.items():
        assert operation in traced[ALL]
        assert sum(operation in traced[ranges] for ranges in EACH) == kinds, operation


def test_whole_shifts_are_slices():
    shape, x = (6, 5, 3), noise(40, 6, 5, 3)
    shift = np.random.default_rng(1).integers(-7, 8, (40, 2))
    shift[:3] = (0, 0), (1, 0), (0, 2)
    expected = np.zeros((40, *shape), np.float32)
    for moved, image, (down, right) in zip(expected, x.reshape(-1, *shape), shift):
        for row in range(max(down, 0), min(6, 6 + down)):
            for column in range(max(right, 0), min(5, 5 + right)):
                moved[row, column] = image[row - down, column - right]
    found = move(x, shape, Motion(shift=jnp.asarray(shift, jnp.float32)))
    np.testing.assert_array_equal(found.reshape(-1, *shape), expected)


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("quarters", [1, 2, -1])
def test_quarter_turns_are_rot90(size, quarters):
    x = noise(2, size, size, 3)
    turned = move(x, (size, size, 3), Motion(rotate=jnp.full(2, 90.0 * quarters)))
    expected = np.rot90(x.reshape(2, size, size, 3), quarters, axes=(1, 2))
    np.testing.assert_allclose(turned.reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("factor", [2.0, 1.3])
def test_zoom_flattens_a_ramp(factor):
    row, column = np.mgrid[:9, :6].astype(np.float32)
    ramp = 0.1 + 0.05 * row + 0.08 * column
    expected = 0.1 + 0.05 * (4 + (row - 4) / factor) + 0.08 * (2.5 + (column - 2.5) / factor)
    zoomed = move(ramp.reshape(1, -1), (9, 6, 1), Motion(zoom=jnp.full(1, factor)))
    np.testing.assert_allclose(zoomed.reshape(9, 6), expected, atol=1e-6)


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


@pytest.mark.parametrize("side", [1, 2, 3, 4, 20])
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


def blob_moved(ranges, count=2000, size=25):
    """Centres of mass [count, 2], from the image's centre, of a blob that was 4 pixels to the right of it."""
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    blob = np.exp(-(row**2 + (column - 4) ** 2) / 4).astype(np.float32)
    images = np.asarray(run(KEY, np.tile(blob.reshape(1, -1), (count, 1)), (size, size, 1), ranges))
    mass = images.reshape(count, size, size) / images.sum(1)[:, None, None]
    return np.stack([(mass * row[None]).sum((1, 2)), (mass * column[None]).sum((1, 2))], axis=1)


def assert_uniform(draws):
    """Over [-1, 1]; draws were measured to about 1%."""
    assert stats.kstest(draws, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert -1.02 < draws.min() < -0.98
    assert 0.98 < draws.max() < 1.02


def test_drawn_shifts_cover_their_range():
    down, right = ((blob_moved(Ranges(shift=2.5)) - np.array([[0.0, 4.0]])) / 2.5).T
    assert_uniform(down)
    assert_uniform(right)
    assert abs(np.corrcoef(down, right)[0, 1]) < 5 / np.sqrt(2000)


def test_drawn_angles_cover_their_range():
    down, right = blob_moved(Ranges(rotate=40.0)).T
    assert_uniform(np.rad2deg(np.arctan2(-down, right)) / 40)
    np.testing.assert_allclose(np.hypot(down, right), 4, atol=0.05)


def test_drawn_zooms_cover_their_range():
    down, right = blob_moved(Ranges(zoom=0.5)).T
    assert_uniform(np.log(right / 4) / np.log(1.5))
    np.testing.assert_allclose(down, 0, atol=0.01)


@pytest.mark.parametrize("ranges", [ALL, *EACH[:3]])
def test_every_image_has_its_own_draws_and_a_key_says_which(ranges):
    x, shape = np.tile(noise(1, 9, 8, 1), (64, 1)), (9, 8, 1)
    drawn = run(KEY, x, shape, ranges)
    assert len(np.unique(drawn, axis=0)) == 64
    np.testing.assert_array_equal(run(jax.random.key(0), x, shape, ranges), drawn)
    assert (np.asarray(run(jax.random.key(1), x, shape, ranges)) != drawn).any(1).all()


@pytest.mark.ci
def test_channels_move_together():
    grey, shares = noise(16, 7, 6, 1), [1.0, 0.5, 0.25]
    colours = (grey[..., None] * np.float32(shares)).reshape(16, -1)
    moved = np.asarray(run(KEY, colours, (7, 6, 3), ALL)).reshape(16, -1, 3)
    for channel, share in enumerate(shares):
        np.testing.assert_allclose(moved[..., channel], share * run(KEY, grey, (7, 6, 1), ALL), atol=1e-6)


@pytest.mark.ci
@settings(max_examples=4, deadline=None, database=None, derandomize=True)
@given(st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])), st.integers(0, 2**31 - 1))
def test_values_stay_in_their_range(shape, seed):
    x = np.concatenate([noise(6, *shape), np.ones((6, int(np.prod(shape))), np.float32)])
    drawn = run(jax.random.key(seed), x, shape, ALL)
    assert drawn.shape == x.shape
    assert drawn.dtype == jnp.float32
    assert np.asarray(drawn).min() >= 0
    assert np.asarray(drawn).max() <= 1


@pytest.mark.ci
def test_in_a_scan_and_over_seeds():
    shape, x = (6, 5, 3), noise(8, 6, 5, 3).reshape(2, 4, -1)
    keys = jax.random.split(KEY, 2)
    one = partial(augment, shape=shape, ranges=ALL)
    single = jnp.stack([run(key, images, shape, ALL) for key, images in zip(keys, x)])
    scanned = jax.jit(lambda: jax.lax.scan(lambda _, each: (None, one(*each)), None, (keys, x))[1])()
    np.testing.assert_allclose(scanned, single, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(keys, x), single, atol=1e-5)
    shared = jax.jit(jax.vmap(one, in_axes=(0, None)))(keys, x[0])
    np.testing.assert_allclose(shared[0], single[0], atol=1e-5)
    np.testing.assert_allclose(shared[1], run(keys[1], x[0], shape, ALL), atol=1e-5)


@pytest.mark.parametrize(("shape", "ranges"), [((4, 4, 1), Ranges(1.0)), ((3, 4, 1), Ranges(-1.0))])
def test_what_cannot_be_augmented_is_refused(shape, ranges):
    with pytest.raises(ValueError, match=r"cannot augment \(2, 12\) as images of"):
        augment(KEY, jnp.zeros((2, 12)), shape, ranges)
