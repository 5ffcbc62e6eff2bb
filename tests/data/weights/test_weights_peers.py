"""Files that Keras, torch and safetensors wrote themselves, array by array."""

import numpy as np
import pytest

from jaxgen.data.weights.read import read

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def torch():
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    module.manual_seed(0)
    return module


def same(arrays, expected):
    """The same names, in any order, with the same numbers."""
    assert sorted(arrays) == sorted(expected)
    for name, array in expected.items():
        array = np.asarray(array)
        assert arrays[name].dtype == (np.float32 if array.dtype.kind in "fV" else array.dtype)
        np.testing.assert_array_equal(arrays[name], array.astype(arrays[name].dtype))


def network(keras, name="net", dtype=None):
    layers = keras.layers
    parts = [
        layers.Conv2D(4, 3, name="block1_conv1", dtype=dtype),
        layers.BatchNormalization(scale=False, name="norm"),
        layers.Conv2D(5, 3, name="other", use_bias=False),
        layers.BatchNormalization(),
    ]
    model = keras.Sequential([layers.Input((8, 8, 3)), *parts], name=name)
    model.set_weights([np.random.default_rng(n).random(w.shape) for n, w in enumerate(model.get_weights())])
    return model


def weights_of(model):
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


def test_keras_own_h5(tmp_path, keras):
    inner = network(keras)
    inner.save(tmp_path / "a.h5")
    tensors = read(tmp_path / "a.h5")
    assert (tensors.layout, len(tensors.arrays)) == ("keras", 10)
    same(tensors.arrays, weights_of(inner))
    outer = keras.Sequential([inner, keras.layers.Flatten(), keras.layers.Dense(3, name="predictions")])
    outer.compile("adam", "mse")
    outer.save(tmp_path / "b.h5")
    same(read(tmp_path / "b.h5").arrays, weights_of(inner) | weights_of(keras.Sequential(outer.layers[1:])))
    network(keras, dtype="bfloat16").save(tmp_path / "c.h5")
    assert read(tmp_path / "c.h5").arrays["block1_conv1/kernel"].dtype == np.float32


def test_keras_own_weights_h5(tmp_path, keras):
    for dtype in ("float32", "bfloat16"):
        model = network(keras, dtype=dtype)
        model.compile("adam", "mse")
        model.save_weights(tmp_path / "a.weights.h5")
        tensors = read(tmp_path / "a.weights.h5")
        places = ("conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1")
        expected = {f"{p}/{n}": w for p, layer in zip(places, model.layers) for n, w in enumerate(layer.weights)}
        assert tensors.layout == "keras3"
        same(tensors.arrays, expected)
        assert tensors.names == {place: layer.name for place, layer in zip(places, model.layers)}


def states(torch):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(8, 2))
    state = model.state_dict()
    kinds = (
        torch.float16,
        torch.bfloat16,
        torch.float64,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    state |= {str(kind): (9 * torch.randn(3, 4)).abs().to(kind) for kind in kinds}
    state |= {"bool": torch.tensor([True, False]), "none": torch.zeros(0, 3)}
    views = {"slice": torch.arange(20.0).reshape(4, 5)[1:3, 2:], "transposed": torch.randn(3, 4).T}
    return model, state, views


def arrays_of(state):
    return {name: (t.detach().float() if t.is_floating_point() else t).numpy() for name, t in state.items()}


def test_torch_save(tmp_path, torch):
    model, state, views = states(torch)
    path, expected = tmp_path / "a.pth", arrays_of(state | views)
    for options in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 5}):
        torch.save(state | views, path, **options)
        tensors = read(path)
        assert (tensors.layout, list(tensors.arrays)) == ("torch", list(expected))
        same(tensors.arrays, expected)
        torch.save({"epoch": 3, "rate": 0.1, "done": None, "model_state_dict": model.state_dict()}, path, **options)
        same(read(path).arrays, arrays_of(model.state_dict()))
        torch.save(dict(model.named_parameters()), path, **options)
        same(read(path).arrays, arrays_of(dict(model.named_parameters())))


def test_safetensors_save_file(tmp_path, torch):
    safetensors = pytest.importorskip("safetensors.torch")
    _, state, views = states(torch)
    whole = state | {name: view.contiguous() for name, view in views.items()}
    safetensors.save_file(whole, tmp_path / "a.safetensors", {"format": "pt"})
    same(read(tmp_path / "a.safetensors").arrays, arrays_of(whole))
