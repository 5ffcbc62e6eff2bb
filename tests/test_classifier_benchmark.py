"""The classifier that races in PyTorch is the network that ours is."""

import jax
import numpy as np
import pytest

from benchmarks.loops import classifier
from jaxgen.core.config import built
from jaxgen.techniques.vision import cnn
from jaxgen.techniques.vision.classifier import training_loss


def kernels(tree):
    """The classifier's kernels in PyTorch's layouts; it flattens channels first."""
    conv1, conv2, hidden = (np.asarray(tree[f"layer{n}"]["linear"]["kernel"]) for n in (1, 2, 3))
    hidden = hidden.reshape(7, 7, 64, 128).transpose(2, 0, 1, 3).reshape(-1, 128)
    return [conv1.transpose(3, 2, 0, 1), conv2.transpose(3, 2, 0, 1), hidden.T, np.asarray(tree["output"]["kernel"]).T]


@pytest.mark.slow
def test_the_classifiers_that_race_are_one_network():
    """From the same kernels: parameters, the loss in training, its gradients and the running statistics after it."""
    torch = pytest.importorskip("torch")
    draw, theirs = np.random.default_rng(0), classifier.network(torch, classifier.Sizes(), (28, 28, 1), 10)
    pixels, labels = draw.integers(0, 256, (16, 784), np.uint8), draw.integers(0, 10, 16)
    config = built(cnn.Config, classifier.Sizes().flags())
    state = jax.jit(cnn.make(config).init)(jax.random.key(0))
    moved = [theirs[n].weight for n in (0, 4, 9, 12)]
    with torch.no_grad():
        theirs[12].bias.zero_()
        for weight, kernel in zip(moved, kernels(state.params), strict=True):
            weight.copy_(torch.tensor(kernel.copy()))
    loss = training_loss(cnn.network(config))
    (ours, (carry, _, _)), slopes = jax.jit(jax.value_and_grad(loss, has_aux=True))(
        state.params, state.carry, jax.random.key(1), {"image": pixels, "label": labels}
    )
    logits = theirs(torch.tensor(pixels).float().reshape(16, 1, 28, 28) / 255)
    value = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    value.backward()
    assert sum(p.numel() for p in theirs.parameters()) == sum(leaf.size for leaf in jax.tree.leaves(state.params))
    assert float(ours) == pytest.approx(value.item(), rel=1e-4)
    for weight, slope in zip(moved, kernels(slopes), strict=True):
        assert np.linalg.norm(weight.grad.numpy() - slope) < 0.02 * np.linalg.norm(slope)
    for n, name in ((1, "layer1"), (5, "layer2"), (10, "layer3")):
        running = carry["batch_stats"][name]["norm"]
        np.testing.assert_allclose(theirs[n].running_mean, running["mean"], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(theirs[n].running_var, running["var"], rtol=0.01)
