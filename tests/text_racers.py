"""The text contenders with networks of a few units, and our parameters as PyTorch and Keras have them."""

import numpy as np

from benchmarks.contenders import text_jax, text_sizes

SMALL = {
    "windows": text_sizes.Sizes(7, 5, 6, 4),
    "carried": text_sizes.Sizes(7, 3, 6, 4),
    "transformer": text_sizes.Sizes(7, 3, 6, 8),
}


def shrink(monkeypatch):
    """Gives all contenders the sizes of SMALL."""
    for training, sizes in SMALL.items():
        monkeypatch.setitem(text_sizes.SIZES, training, sizes)
        given = {"context": sizes.context, "width": sizes.width, "batch_size": sizes.batch}
        monkeypatch.setitem(text_jax.FLAGS, training, text_jax.FLAGS[training] | given)


def reordered(kernel):
    """Our gates [..., 4H], input, forget, output and candidate, in PyTorch's and Keras's order."""
    i, f, o, g = np.split(np.asarray(kernel), 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def kerass(params):
    """What Keras trains, from ours."""
    layer = [reordered(params[f"layer0_{name}"]) for name in ("kernel", "recurrent", "bias")]
    return [*layer, np.array(params["output"]["kernel"]), np.array(params["output"]["bias"])]


def moved(model):
    """(PyTorch's parameter, a tree like our parameters -> what is its) of every one of ours."""
    if hasattr(model, "lstm"):
        model.lstm.bias_hh_l0.data.zero_()
        return [
            (model.lstm.weight_ih_l0, lambda p: reordered(p["layer0_kernel"]).T),
            (model.lstm.weight_hh_l0, lambda p: reordered(p["layer0_recurrent"]).T),
            (model.lstm.bias_ih_l0, lambda p: reordered(p["layer0_bias"]).T),
            (model.output.weight, lambda p: p["output"]["kernel"].T),
            (model.output.bias, lambda p: p["output"]["bias"]),
        ]
    found = [
        (model.tokens.weight, lambda p: p["tokens"]),
        (model.positions.weight, lambda p: p["positions"]),
        (model.norm.weight, lambda p: p["norm"]),
    ]
    for n, block in enumerate(model.blocks):
        for name in ("norm1", "norm2", "qkv", "mix", "up", "down"):
            found.append((getattr(block, name).weight, lambda p, n=n, name=name: p[f"block{n}"][name].T))
    return found


def given(torch, model, params):
    """The pairs of `moved`, after PyTorch's parameters are ours."""
    pairs = moved(model)
    for weight, ours in pairs:
        weight.data.copy_(torch.tensor(np.array(ours(params))))
    return pairs
