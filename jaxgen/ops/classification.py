"""What is said of classifiers: cross-entropy, calibration and confusion, as functions of arrays.

B    examples
C    classes
"""

import jax
import jax.numpy as jnp
import numpy as np


def cross_entropy(logits: jax.Array, label: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """-sum_c q_c log softmax(logits)_c of [..., C], summed over C: [...], in nats, float32 for narrower logits too.

    A class with q = 0 adds nothing, be its logit -inf. The gradient in the logits is softmax - q.

    Args:
        logits: [..., C].
        label: sparse, integers [...]; or the distribution q itself, one-hot or any other, [..., C]. A sparse label
            outside 0..C-1 gives NaN, since the loss of its one-hot, 0, would hide it.
        smoothing: epsilon of (1 - epsilon) q + epsilon / C: Szegedy et al. 2016, section 7
            (https://arxiv.org/abs/1512.00567).

    Raises:
        ValueError: a label of another shape, or a sparse one that is not of integers.
    """
    label, classes = jnp.asarray(label), logits.shape[-1]
    sparse = label.shape == logits.shape[:-1] and jnp.issubdtype(label.dtype, jnp.integer)
    if not sparse and label.shape != logits.shape:
        raise ValueError(
            f"labels of logits {logits.shape} are integers {logits.shape[:-1]} or have the same shape, "
            f"found {label.dtype} {label.shape}"
        )
    log_p = jax.nn.log_softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
    label = label.astype(jnp.int32 if sparse else log_p.dtype)  # one_hot of uint8 would begin again after 255
    q = jax.nn.one_hot(label, classes, dtype=log_p.dtype) if sparse else label
    q = (1.0 - smoothing) * q + smoothing / classes
    loss = -jnp.sum(q * jnp.where((q == 0) & jnp.isneginf(log_p), 0.0, log_p), axis=-1)
    return jnp.where((label >= 0) & (label < classes), loss, jnp.nan) if sparse else loss


def calibration_bins(probability: jax.Array, label: jax.Array, mask: jax.Array, bins: int = 15) -> jax.Array:
    """Examples tallied by confidence: [bins, 3] float32, per bin count, sum of confidences and number right.

    Tallies of batches add up, exactly in the counts up to 2^24 examples a bin. Confidence is the largest probability.
    Bin m = 0..bins-1 owns (m/bins, (m+1)/bins], closed on the right as in Guo et al. 2017, section 2, with edges
    rounded to float32: 1 falls in the last bin, and in the first what is not above 0.

    Args:
        probability: [B, C], softmax of the logits.
        label: [B] integers.
        mask: [B] of bool; others do not count, be they NaN.
        bins: of equal width.
    """
    probability = probability.astype(jnp.float32)
    confidence, right = probability.max(axis=-1), probability.argmax(axis=-1) == label
    edges = (np.arange(1, bins) / bins).astype(np.float32)  # compared and not multiplied: the edges are exact
    member = jax.nn.one_hot(jnp.sum(confidence[:, None] > edges[None], axis=-1), bins)
    values = jnp.stack([jnp.ones_like(confidence), confidence, right.astype(jnp.float32)], axis=-1)
    # A product, since scatters of floats have no fixed order on a GPU; `highest`, since tensor cores would round.
    return jnp.einsum("bm,bk->mk", member, jnp.where(mask[:, None], values, 0.0), precision="highest")


def calibration_error(tally: jax.Array) -> jax.Array:
    """Expected calibration error [] of a tally [bins, 3] as `calibration_bins` makes it; 0 of no examples.

    sum_m n_m / n |accuracy_m - confidence_m|: Guo et al. 2017, equation 3 (https://arxiv.org/abs/1706.04599).
    """
    count, confidence, right = jnp.unstack(tally, axis=-1)
    return jnp.sum(jnp.abs(right - confidence)) / jnp.maximum(jnp.sum(count), 1.0)


def confusion(prediction: jax.Array, label: jax.Array, mask: jax.Array, classes: int) -> jax.Array:
    """How often each class [row] was taken for each [column]: [C, C] int32; such counts of batches add up.

    Args:
        prediction: logits or probabilities [B, C], of which the largest counts, or integers [B].
        label: [B] integers, the true classes.
        mask: [B] of bool; others do not count, be they NaN.
        classes: C. Labels and predictions outside 0..C-1 are not counted.

    Raises:
        ValueError: a prediction of another shape, or one per example that is not of integers.
    """
    if prediction.shape == (*label.shape, classes):
        prediction = prediction.argmax(axis=-1)
    elif prediction.shape != label.shape or not jnp.issubdtype(prediction.dtype, jnp.integer):
        raise ValueError(
            f"predictions of labels {label.shape} are integers {label.shape} or "
            f"{(*label.shape, classes)}, found {prediction.dtype} {prediction.shape}"
        )
    row, column = label.astype(jnp.int32), prediction.astype(jnp.int32)
    row = jnp.where(mask & (row >= 0) & (column >= 0), row, classes)  # negative indices would count from the end
    # A scatter of integers, whose order does not matter: a product of one-hot matrices would cost B C^2.
    return jnp.zeros((classes, classes), jnp.int32).at[row, column].add(1, mode="drop")


def hard_label(label: jax.Array) -> jax.Array:
    """Class numbers [B] of labels as `cross_entropy` takes them: as they are, or the most probable of [B, C]."""
    return label.argmax(axis=-1) if label.ndim == 2 else label
