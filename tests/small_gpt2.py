"""A small GPT-2 with random weights, in the files that Hugging Face keeps one in."""

import json

import numpy as np
from safetensors.numpy import save_file

V, C, D, H, L = 300, 16, 24, 3, 2


def tensors(width=D, layers=L, scale=0.3):
    """Random ones, of Hugging Face's names."""
    draw = np.random.default_rng(1)
    random = lambda *shape: draw.normal(0, scale, shape).astype(np.float32)
    shapes = {"ln_1": (width,), "attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width), "ln_2": (width,)}
    shapes |= {"mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width)}
    found = {"wte.weight": random(V, width), "wpe.weight": random(C, width)}
    found |= {"ln_f.weight": random(width), "ln_f.bias": random(width)}
    for n in range(layers):
        for name, shape in shapes.items():
            found[f"h.{n}.{name}.weight"] = random(*shape)
            found[f"h.{n}.{name}.bias"] = random(shape[-1])
        found[f"h.{n}.attn.bias"] = np.tril(np.ones((1, 1, C, C), np.float32))  # the mask
    return found


def write_weights(folder):
    """model.safetensors and config.json; the path of the first."""
    save_file(tensors(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"n_head": H}))
    return folder / "model.safetensors"


def write_tokens(folder, text):
    """vocab.json and merges.txt of V byte pairs, as the package itself writes them."""
    import tokenizers

    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=V, initial_alphabet=alphabet, show_progress=False)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.model.save(str(folder))
