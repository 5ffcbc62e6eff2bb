"""GPT-2's weights, from the files of Hugging Face's models, as parameters of `nets.transformer`.

The names are those of a state dict of torch: wte, wpe, ln_f, and h.N. with ln_1, attn.c_attn, attn.c_proj, ln_2,
mlp.c_fc and mlp.c_proj; "transformer." may stand before each. Kernels are [inputs, outputs] there and here, but for
that of mlp.c_proj, which is turned. What a file has besides, masks of attention and a head that is the table of tokens,
is left out.

V    tokens in the vocabulary
C    positions
D    width
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.weights.read import read
from jaxgen.data.weights.tensors import Tensors

PREFIX = "transformer."
ENDS = {"tokens": "wte.weight", "positions": "wpe.weight", "norm": "ln_f.weight", "norm_bias": "ln_f.bias"}
OF_BLOCK = {  # our name -> theirs, and the shape of the weights in units of D
    "norm1": ("ln_1", 1),
    "qkv": ("attn.c_attn", 1, 3),
    "mix": ("attn.c_proj", 1, 1),
    "norm2": ("ln_2", 1),
    "up": ("mlp.c_fc", 1, 4),
    "down": ("mlp.c_proj", 4, 1),
}
PER_HEAD = 64  # dimensions, in each of the four sizes


class Sizes(NamedTuple):
    """What the shapes in a file say; the number of heads is config.json's beside it, where there is one."""

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int


def sizes(path: str | os.PathLike) -> Sizes:
    """Those of the network in a file. Raises Refused where it is no GPT-2, see also `read`."""
    path = Path(path)
    names = _names(path, tensors := read(path))
    tokens, positions = (tensors.arrays[names[ENDS[name]]].shape for name in ("tokens", "positions"))
    layers = {int(match[1]) for name in names if (match := re.match(r"h\.(\d{1,6})\.", name))}
    if not layers or layers != set(range(len(layers))) or len(tokens) != 2 or tokens[1:] != positions[1:]:
        raise Refused(f"{path} is no GPT-2: its layers or the width of its tables do not fit together")
    heads = _stated(path.parent / "config.json").get("n_head", max(1, tokens[1] // PER_HEAD))
    if tokens[1] % heads:
        raise Refused(f"{path} has a width of {tokens[1]:,}, which the n_head of config.json beside it does not divide")
    return Sizes(tokens[0], positions[0], tokens[1], len(layers), heads)


def parameters(path: str | os.PathLike, context: int) -> dict[str, Any]:
    """Those of `Transformer(..., as_gpt2=True)`, float32, with the first `context` positions, or all if fewer.

    Raises Refused where the file is no GPT-2, see also `read`.
    """
    path = Path(path)
    names = _names(path, tensors := read(path))

    def array(name, *shape):
        if name not in names:
            raise Refused(f"{path} is no GPT-2: it has no {name}")
        tensor = np.asarray(tensors.arrays[names[name]], np.float32)
        if tensor.shape != shape:
            raise Refused(f"{path} is no GPT-2: {name} is {list(tensor.shape)}, and not {list(shape)}")
        return tensor

    vocabulary, positions, width, layers, _ = sizes(path)
    shapes = {"tokens": (vocabulary, width), "positions": (positions, width)}
    params: dict[str, Any] = {name: array(theirs, *shapes.get(name, (width,))) for name, theirs in ENDS.items()}
    params["positions"] = params["positions"][:context]
    for number in range(layers):
        block = {}
        for name, (theirs, *multiples) in OF_BLOCK.items():
            shape = [multiple * width for multiple in multiples]
            kernel = array(f"h.{number}.{theirs}.weight", *shape)
            block[name] = kernel.T if name == "down" else kernel
            block[f"{name}_bias"] = array(f"h.{number}.{theirs}.bias", shape[-1])
        params[f"block{number}"] = block
    return params


def _names(path: Path, tensors: Tensors) -> dict[str, str]:
    """Names without PREFIX -> as they stand in the file."""
    names = {name.removeprefix(PREFIX): name for name in tensors.arrays}
    lacking = [name for name in ENDS.values() if name not in names]
    if lacking:
        raise Refused(f"{path} is no GPT-2: it has no {lacking[0]}")
    return names


def _stated(path: Path) -> dict[str, Any]:
    """What a config.json says; nothing where there is none. Raises Refused where it cannot be read."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(f"{path} cannot be read as JSON") from error
    heads = stated.get("n_head", 1) if isinstance(stated, dict) else None
    if type(heads) is not int or heads < 1:
        raise Refused(f"{path} is no description of a GPT-2")
    return stated
