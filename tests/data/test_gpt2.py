"""GPT-2's files: sizes, parameters, what is refused; logits and what is written beside Hugging Face's own code."""

import jax
import numpy as np
import pytest
from refusals import plainly, refused
from safetensors.numpy import save_file
from small_gpt2 import C, D, H, L, V, tensors, write_weights

from jaxgen.data.weights import gpt2
from jaxgen.nets.transformer import Transformer

pytestmark = pytest.mark.ci
TOKENS = np.random.default_rng(0).integers(0, V, (2, C))


@pytest.fixture
def path(tmp_path):
    return write_weights(tmp_path)


def logits(path, tokens):
    sizes = gpt2.sizes(path)
    net = Transformer(V, C, sizes.layers, sizes.heads, sizes.width, as_gpt2=True)
    read = lambda params: net.apply({"params": params}, tokens, method="logits")
    return np.asarray(jax.jit(read)(gpt2.parameters(path, C)))


def test_parameters_are_those_of_the_net(path):
    assert gpt2.sizes(path) == (V, C, D, L, H)
    net = Transformer(V, C, L, H, D, as_gpt2=True)
    like = jax.eval_shape(lambda: net.init(jax.random.key(0), TOKENS, method="logits"))["params"]
    params = gpt2.parameters(path, 9 * C)
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, like)
    np.testing.assert_array_equal(params["block1"]["down"], tensors()["h.1.mlp.c_proj.weight"].T)
    assert len(gpt2.parameters(path, 5)["positions"]) == 5


def test_prefixed_names_are_read_as_well(path, tmp_path):
    named = {f"transformer.{name}": value for name, value in tensors().items()}
    save_file({**named, "lm_head.weight": tensors()["wte.weight"]}, tmp_path / "other.safetensors")
    np.testing.assert_array_equal(logits(tmp_path / "other.safetensors", TOKENS), logits(path, TOKENS))


@pytest.mark.parametrize(("layers", "heads"), [(2, 2), (4, 3), (6, 4), (8, 5)])
def test_logits_of_the_four_sizes_are_those_of_hugging_face(layers, heads, tmp_path):
    """In small: a sixth of the layers, a sixth to a fifth of the width; the number of heads follows from the width."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    path, width = tmp_path / "model.safetensors", 64 * heads
    weights = tensors(width, layers, 0.1)
    save_file(weights, path)
    config = transformers.GPT2Config(vocab_size=V, n_positions=C, n_embd=width, n_layer=layers, n_head=heads)
    model = transformers.GPT2LMHeadModel(config).eval()
    missing, unknown = model.transformer.load_state_dict(
        {name: torch.tensor(value) for name, value in weights.items()}, strict=False
    )
    assert all(name.endswith(".attn.bias") for name in (*missing, *unknown))
    with torch.no_grad():
        theirs = model(torch.tensor(TOKENS)).logits.numpy()
    np.testing.assert_allclose(logits(path, TOKENS), theirs, atol=1e-4)
    torch.save(model.state_dict(), path.with_suffix(".bin"))
    np.testing.assert_array_equal(logits(path.with_suffix(".bin"), TOKENS), logits(path, TOKENS))


def test_what_is_no_gpt2(path, tmp_path):
    for change, sentence in (
        ({"wte.weight": None}, "is no GPT-2: it has no wte.weight"),
        ({"wte.weight": np.zeros((V, D + 1), np.float32)}, "do not fit together"),
        ({"h.1.ln_2.bias": None}, "it has no h.1.ln_2.bias"),
        ({"h.3.ln_1.weight": np.zeros(D, np.float32)}, "its layers"),
        ({"h.0.mlp.c_fc.weight": np.zeros((D, D), np.float32)}, "h.0.mlp.c_fc.weight is [24, 24], and not [24, 96]"),
    ):
        changed = {name: value for name, value in {**tensors(), **change}.items() if value is not None}
        save_file(changed, tmp_path / "wrong.safetensors")
        assert sentence in refused(None, gpt2.parameters, tmp_path / "wrong.safetensors", C)
    for text in ("{", "[1]", '{"n_head": "3"}', '{"n_head": 0}'):
        (tmp_path / "config.json").write_text(text)
        assert "config.json" in refused(None, gpt2.sizes, path)


def test_hostile_descriptions(path):
    config = path.parent / "config.json"
    config.write_text("[" * 100_000)
    plainly("cannot be read as JSON", config, gpt2.sizes, path)
    config.write_text('{"n_head": 4294967296}')
    plainly("has a width of 24, which the n_head of config.json beside it does not divide", path, gpt2.sizes, path)
