"""Measures of classifiers as functions of arrays: cross-entropy, calibration, confusion matrices.

B    examples
C    classes
"""

import jax
import jax.numpy as jnp
import numpy as np


def cross_entropy(logits: jax.Array, label: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """-sum_c q_c log softmax(logits)_c of [..., C]: [...], in nats, at least in float32.

    A class with q = 0 contributes 0, even where its logit is -inf. The gradient with respect to the logits is
    softmax - q.

    Args:
        logits: [..., C].
        label: sparse, integers [...]; or the distribution q itself, one-hot or any other, [..., C]. The loss of a
            sparse label outside 0..C-1 is NaN and not 0, the loss of its one-hot, which would hide the mistake.
        smoothing: epsilon of (1 - epsilon) q + epsilon / C: Szegedy et al. 2016, section 7
            (https://arxiv.org/abs/1512.00567).

    Raises:
        ValueError: label has another shape, or is sparse and not of integers.
    """
    label, classes = jnp.asarray(label), logits.shape[-1]
    sparse = label.shape == logits.shape[:-1] and jnp.issubdtype(label.dtype, jnp.integer)
    if not sparse and label.shape != logits.shape:
        raise ValueError(
            f"labels of logits {logits.shape} are integers {logits.shape[:-1]} or have the same shape, "
            f"found {label.dtype} {label.shape}"
        )
    log_p = jax.nn.log_softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
    label = label.astype(jnp.int32 if sparse else log_p.dtype)  # one_hot of uint8 would wrap around after 255
    q = jax.nn.one_hot(label, classes, dtype=log_p.dtype) if sparse else label
    q = (1.0 - smoothing) * q + smoothing / classes
    loss = -jnp.sum(q * jnp.where((q == 0) & jnp.isneginf(log_p), 0.0, log_p), axis=-1)
    return jnp.where((label >= 0) & (label < classes), loss, jnp.nan) if sparse else loss


def calibration_bins(probability: jax.Array, label: jax.Array, mask: jax.Array, bins: int = 15) -> jax.Array:
    """Tally of examples by confidence, [bins, 3] float32: in each bin their count, summed confidence, number correct.

    Tallies of batches can be added; counts are exact up to 2^24 examples in a bin. Confidence is the largest
    probability. Bin m = 0..bins-1 is (m/bins, (m+1)/bins], closed on the right as in Guo et al. 2017, section 2, with
    edges rounded to float32: confidence 1 is in the last bin, and 0 in the first.

    Args:
        probability: [B, C], softmax of the logits.
        label: [B] integers.
        mask: [B] bool; examples where it is false do not count, even where they are NaN.
        bins: number of bins, of equal width.
    """
    probability = probability.astype(jnp.float32)
    confidence, right = probability.max(axis=-1), probability.argmax(axis=-1) == label
    edges = (np.arange(1, bins) / bins).astype(np.float32)  # compared, since confidence * bins would round
    member = jax.nn.one_hot(jnp.sum(confidence[:, None] > edges[None], axis=-1), bins, dtype=jnp.float32)
    values = jnp.stack([jnp.ones_like(confidence), confidence, right.astype(jnp.float32)], axis=-1)
    # A product, since a scatter of floats has no fixed order on a GPU; `highest`, since tensor cores would round.
    return jnp.einsum("bm,bk->mk", member, jnp.where(mask[:, None], values, 0.0), precision="highest")


def calibration_error(tally: jax.Array) -> jax.Array:
    """Expected calibration error [] of a tally [bins, 3] of `calibration_bins`; 0 without examples.

    sum_m n_m / n |accuracy_m - confidence_m|: Guo et al. 2017, equation 3 (https://arxiv.org/abs/1706.04599).
    """
    count, confidence, right = jnp.unstack(tally, axis=-1)
    return jnp.sum(jnp.abs(right - confidence)) / jnp.maximum(jnp.sum(count), 1.0)


def confusion(prediction: jax.Array, label: jax.Array, mask: jax.Array, classes: int) -> jax.Array:
    """Confusion matrix [C, C] int32: examples of the true class [row] predicted as [column]; batches can be added.

    Args:
        prediction: logits or probabilities [B, C], whose largest is the prediction, or integers [B].
        label: [B] integers, the true classes.
        mask: [B] bool; examples where it is false do not count, even where they are NaN.
        classes: C. Labels and predictions outside 0..C-1 are not counted.

    Raises:
        ValueError: prediction has another shape, or is [B] and not of integers.
    """
    if prediction.shape == (*label.shape, classes):
        prediction = prediction.argmax(axis=-1)
    elif prediction.shape != label.shape or not jnp.issubdtype(prediction.dtype, jnp.integer):
        raise ValueError(
            f"predictions of labels {label.shape} are integers {label.shape} or "
            f"{(*label.shape, classes)}, found {prediction.dtype} {prediction.shape}"
        )
    row, column = label.astype(jnp.int32), prediction.astype(jnp.int32)
    row = jnp.where(mask & (row >= 0) & (column >= 0), row, classes)  # negative indices count from the end
    # A scatter, since the order of integer additions does not matter; a product of one-hot matrices costs B C^2.
    return jnp.zeros((classes, classes), jnp.int32).at[row, column].add(1, mode="drop")


def hard_label(label: jax.Array) -> jax.Array:
    """Class numbers [B] of the labels that `cross_entropy` accepts: [B] unchanged, of [B, C] the most probable."""
    return jax.lax.argmax(label, 1, jnp.int32) if label.ndim == 2 else label
