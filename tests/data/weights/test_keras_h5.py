"""The weights of Keras's files under the names of their layers, whatever the version of Keras called them."""

import numpy as np
import pytest
from weight_files import drawn, write_keras, write_keras3

from jaxgen.data.weights import keras_h5
from jaxgen.data.weights.read import read

h5py = pytest.importorskip("h5py")
KERNEL, BIAS = drawn(3, 3, 2, 4), drawn(4)
NAMES = {  # of the two weights of a layer "conv": of Keras 1, Keras 2, Keras 3 in a model, none at all
    "keras 1": ("conv_W", "conv_b"),
    "keras 1, as converted": ("conv_W_1:0", "conv_b_1:0"),
    "keras 2": ("conv/kernel:0", "conv/bias:0"),
    "keras 2, another graph": ("conv_1/kernel_2:0", "conv_1/bias_2:0"),
    "keras 3": ("model/conv/kernel", "model/conv/bias"),
    "unnamed": ("uniform1", "zeros"),
}


def same(arrays, expected):
    assert list(arrays) == list(expected)
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_version_of_keras(tmp_path, names):
    layers = {"input_1": {}, "conv": dict(zip(names, (KERNEL, BIAS))), "pool": {}}
    for full in (False, True):
        tensors = read(write_keras(tmp_path / f"{full}.h5", layers, full))
        assert (tensors.layout, tensors.names) == ("keras", {})
        same(tensors.arrays, {"conv/kernel": KERNEL, "conv/bias": BIAS})


def test_layers_come_in_their_order_and_with_slashes_written_as_lines(tmp_path):
    layers = {
        "zeta": {"zeta/kernel:0": drawn(2, 3)},
        "fire2/squeeze1x1": {"uniform2": drawn(1, 1, 4, 2), "fire2/squeeze1x1_b": drawn(2)},
        "bn": {f"bn/{name}:0": drawn(2, seed=n) for n, name in enumerate(("beta", "moving_mean", "moving_variance"))},
        "old": {
            f"old_{name}": drawn(2, seed=9 + n)
            for n, name in enumerate(("gamma", "beta", "running_mean", "running_std"))
        },
    }
    names = [
        *["zeta/kernel", "fire2_squeeze1x1/kernel", "fire2_squeeze1x1/bias", "bn/beta", "bn/moving_mean"],
        *["bn/moving_variance", "old/gamma", "old/beta", "old/moving_mean", "old/moving_variance"],
    ]
    arrays = [array for weights in layers.values() for array in weights.values()]
    same(read(write_keras(tmp_path / "a.h5", layers)).arrays, dict(zip(names, arrays)))


def test_layers_of_a_model_in_the_model_have_their_own_names():
    inner = {"vgg19/block1_conv1/kernel": 4, "vgg19/block1_conv1/bias": 1, "vgg19/bn/beta": 1}
    names = ["block1_conv1/kernel", "block1_conv1/bias", "bn/beta"]
    assert list(keras_h5.names("vgg19", inner).values()) == names
    cells = {
        f"both/{way}/cell/{name}:0": 2 for way in ("forward", "backward") for name in ("kernel", "recurrent_kernel")
    }
    assert len(set(keras_h5.names("both", cells).values())) == 4
    assert keras_h5.names("scale", {"scale/factor": 0}) == {"scale/factor": "scale/scale/factor"}


def test_two_models_in_the_model_lose_nothing(tmp_path):
    inner = {"a/conv/kernel:0": KERNEL, "a/other/kernel:0": drawn(2, 2)}
    arrays = read(
        write_keras(tmp_path / "a.h5", {"first": inner, "second": {k: 2 * v for k, v in inner.items()}})
    ).arrays
    assert list(arrays)[:2] == ["conv/kernel", "other/kernel"]
    assert len(arrays) == 4
    np.testing.assert_array_equal(arrays["second/a/conv/kernel:0"], 2 * KERNEL)


def test_long_lists_of_names_are_in_parts(tmp_path):
    with h5py.File(
        write_keras(tmp_path / "a.h5", {f"d{n}": {"kernel": drawn(n, 2)} for n in range(1, 6)}), "a"
    ) as file:
        whole = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = whole[:3], whole[3:]
    assert list(read(tmp_path / "a.h5").arrays) == [f"d{n}/kernel" for n in range(1, 6)]


def test_arrays_are_read_when_they_are_asked_for(tmp_path):
    path = write_keras(tmp_path / "a.h5", {"a": {"kernel": drawn(2, 3)}, "b": {"kernel": KERNEL}})
    arrays = read(path).arrays
    assert "b/kernel" in arrays
    assert "c/kernel" not in arrays
    with h5py.File(path, "a") as file:
        file["b/kernel"][...] = 7
    assert np.all(arrays["b/kernel"] == 7)
    with pytest.raises(KeyError):
        arrays["c/kernel"]


def test_numbers_are_float32(tmp_path):
    brain = (drawn(5, 2).view(np.uint32) >> 16).astype(np.uint16)
    weights = {
        **{"kernel": drawn(3, 2).astype(np.float16), "bias": drawn(2).astype(">f8"), "gamma": brain.view("V2")},
        **{"beta": np.array([3, 4], ">i2"), "moving_mean": np.float64(1.5)},
    }
    arrays = read(write_keras(tmp_path / "a.h5", {"a": weights})).arrays
    expected = {name: np.asarray(array).astype(np.float32) for name, array in weights.items() if name != "gamma"}
    expected |= {"beta": np.array([3, 4], np.int16), "gamma": (brain.astype(np.uint32) << 16).view(np.float32)}
    same(arrays, {f"a/{name}": expected[name] for name in weights})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = [b"kernel"]
        file["a"].create_dataset("kernel", data=KERNEL, chunks=True, compression="gzip", shuffle=True, fletcher32=True)
    same(read(tmp_path / "b.h5").arrays, {"a/kernel": KERNEL})


def test_keras_3_counts_layers_of_a_class(tmp_path):
    layers = {f"layers/conv2d{f'_{n}' * (n > 0)}": (f"own{n}", [drawn(n + 1, 2), drawn(2, seed=n)]) for n in range(12)}
    layers |= {"layers/functional/layers/dense": ("", [drawn(2, 3)]), "layers/flatten": ("flat", [])}
    other = {"optimizer": ("adam", [np.int64(3), np.float32(0.1)]), "vars": ("model", [])}
    tensors = read(write_keras3(tmp_path / "a.weights.h5", layers | other))
    assert tensors.layout == "keras3"
    named = {"conv2d": "own0"} | {f"conv2d_{n}": f"own{n}" for n in range(1, 12)}
    assert tensors.names == named
    expected = {f"{name}/{m}": layers[f"layers/{name}"][1][m] for name in named for m in (0, 1)}
    same(tensors.arrays, expected | {"functional/dense/0": drawn(2, 3)})
    older = write_keras3(tmp_path / "b.h5", {"_layer_checkpoint_dependencies/conv2d": ("", [KERNEL])})
    same(read(older).arrays, {"conv2d/0": KERNEL})
