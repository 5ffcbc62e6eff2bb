"""Intervals of means over seeds, and tests of paired differences that are corrected for their number.

All are vectorised over leading axes, so that their coverage and their errors can be simulated.

n    seeds
k    tests, or optimisers
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtr, stdtrit

FEWEST = 5  # seeds: of fewer the range is shown, and nothing is claimed
MANY = 20  # seeds: from here on the bootstrap knows more of skewness than Student's t
RESAMPLES = 10_000
LEVEL = 0.95
KINDS = {"t": "95 % intervals (Student's t)", "BCa": "95 % intervals (BCa bootstrap)", "range": "their ranges"}
BLOCK = 2**20  # numbers of the bootstrap that are held at once


class Interval(NamedTuple):
    """A mean or median over seeds, and the ends that `kind` names; they are NaN where it has none."""

    mean: float
    low: float = math.nan
    high: float = math.nan
    kind: Literal["", "range", "t", "BCa", "median"] = ""  # a median has no ends


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """The mean of [n] values: with their range below 5, with a 95 % interval from 5 on.

    The interval is Student's t below 20 values, and BCa from there on. A single value has no ends, and neither have
    values that are not all finite.
    """
    seeds = np.asarray(values, np.float64)
    mean = float(seeds.mean()) if seeds.size else math.nan
    if len(seeds) < 2 or not math.isfinite(mean):
        return Interval(mean)
    if len(seeds) < FEWEST:
        return Interval(mean, float(seeds.min()), float(seeds.max()), "range")
    low, high = student(seeds) if len(seeds) < MANY else bca(seeds)
    return Interval(mean, float(low), float(high), "t" if len(seeds) < MANY else "BCa")


def student(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends [...] of Student's 95 % interval of the mean of values [..., n], n at least 2."""
    count = values.shape[-1]
    mean, error = values.mean(-1), values.std(-1, ddof=1) / math.sqrt(count)
    half = stdtrit(count - 1, 0.5 + LEVEL / 2) * error
    return mean - half, mean + half


def bca(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends [...] of the 95 % interval of the mean of values [..., n]: bootstrap, bias-corrected and accelerated.

    Efron 1987, https://doi.org/10.1080/01621459.1987.10478410, with the percentiles expanded as in Hesterberg 2015,
    https://doi.org/10.1080/00031305.2015.1089789, section 4.3: resamples of n values spread less than their mean does.
    """
    count = values.shape[-1]
    means = np.sort(resampled_means(values), axis=0)
    mean = values.mean(-1)
    below = ((means < mean).mean(0) + (means <= mean).mean(0)) / 2
    bias = ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
    deviation = values - mean[..., None]
    squares = (deviation**2).sum(-1)
    skewness = np.divide((deviation**3).sum(-1), 6 * squares**1.5, out=np.zeros_like(squares), where=squares > 0)
    ends = []
    for share in (0.5 - LEVEL / 2, 0.5 + LEVEL / 2):
        shifted = bias + math.sqrt(count / (count - 1)) * stdtrit(count - 1, share)
        position = ndtr(bias + shifted / (1 - skewness * shifted)) * (RESAMPLES - 1)
        ends.append(np.take_along_axis(means, position.round().astype(int)[None], 0)[0])
    return ends[0], ends[1]


def resampled_means(values: np.ndarray) -> np.ndarray:
    """The means [RESAMPLES, ...] of draws with replacement from values [..., n]; the same draws in every process."""
    count, draw = values.shape[-1], np.random.default_rng(0)
    means, rows = np.empty((RESAMPLES, *values.shape[:-1])), max(1, BLOCK // count)
    for start in range(0, RESAMPLES, rows):
        block = min(rows, RESAMPLES - start)
        drawn = draw.integers(count, size=(block, count)) + count * np.arange(block)[:, None]
        times = np.bincount(drawn.ravel(), minlength=block * count).reshape(block, count)
        means[start : start + block] = np.tensordot(times.astype(np.float64), values, (1, -1)) / count
    return means


def wilson(share: float, count: int) -> tuple[float, float]:
    """The ends of the 95 % interval of a probability, of `count` >= 1 draws of which this share came true.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953; it has a width where all or none came true.
    """
    z = float(ndtri(0.5 + LEVEL / 2))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return middle - half, middle + half


def p_values(differences: np.ndarray) -> np.ndarray:
    """Two-sided p [...] of paired differences [..., n], of which NaN are left out; NaN where fewer than 5 are left.

    Student's t. Where a difference is infinite (one of a pair failed), or all are the same, the t statistic means
    nothing: there the sign test is taken, which counts who is better.
    """
    present = ~np.isnan(differences)
    count = present.sum(-1)
    finite = np.isfinite(differences)
    values, degrees = np.where(finite, differences, 0.0), np.maximum(count - 1, 1)
    mean = values.sum(-1) / np.maximum(count, 1)
    variance = (np.where(finite, values - mean[..., None], 0.0) ** 2).sum(-1) / degrees
    error = np.sqrt(variance / np.maximum(count, 1))
    usable = (present == finite).all(-1) & (error > 1e-12 * abs(mean))
    ratio = np.divide(mean, error, out=np.zeros_like(mean), where=usable)
    better, worse = (differences < 0).sum(-1), (differences > 0).sum(-1)
    signs = np.minimum(1.0, 2 * bdtr(np.minimum(better, worse), better + worse, 0.5))
    return np.where(count < FEWEST, math.nan, np.where(usable, 2 * stdtr(degrees, -abs(ratio)), signs))


def holm(p: np.ndarray) -> np.ndarray:
    """The p values [..., k] adjusted for their number, NaN left out: at most 0.05 is false in 5 % of families.

    Holm 1979, https://www.jstor.org/stable/4615733.
    """
    order = np.argsort(p, axis=-1)  # NaN last
    left = (~np.isnan(p)).sum(-1, keepdims=True) - np.arange(p.shape[-1])
    raised = np.minimum(1.0, np.maximum.accumulate(np.take_along_axis(p, order, -1) * left, axis=-1))
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, raised, -1)
    return adjusted


def direction(differences: np.ndarray) -> np.ndarray:
    """The sign [...] of the mean of differences [..., n], NaN left out; where one is infinite, of the sum of signs."""
    finite = np.isfinite(differences)
    counted = (finite | np.isnan(differences)).all(-1, keepdims=True)
    signs = np.sign(np.where(np.isnan(differences), 0.0, differences))
    return np.sign(np.where(counted, np.where(finite, differences, 0.0), signs).sum(-1))


def told_apart(values: np.ndarray) -> np.ndarray:
    """Which of k optimisers differ beyond chance, by their values [..., k, n] on the same n seeds: [..., k, k].

    -1 where the first one's values are lower, 1 where they are higher, 0 where they cannot be told apart. Every pair is
    tested, seed by seed, and all pairs of a task are one family: the best is chosen by the data, so that its rivals
    alone would be too few to correct for. A value is NaN where there is no run, infinite where it failed.
    """
    count = values.shape[-2]
    first, second = np.triu_indices(count, 1)
    with np.errstate(invalid="ignore"):  # inf - inf: both failed, a tie
        differences = values[..., first, :] - values[..., second, :]
    beyond = holm(p_values(differences)) <= 1 - LEVEL + 1e-12
    apart = np.zeros((*values.shape[:-1], count), int)
    apart[..., first, second] = np.where(beyond, direction(differences), 0)
    return apart - np.swapaxes(apart, -1, -2)
