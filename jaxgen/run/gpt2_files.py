"""GPT-2 from Hugging Face's files: flags that fit a file of weights, parameters to start from, a model that writes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.text import byte_pairs
from jaxgen.data.weights import gpt2
from jaxgen.run.text_reader import TextFlags
from jaxgen.techniques.text import gpt
from jaxgen.techniques.text.model import LanguageModel


def flags_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What the file in --init_from decides: a transformer of its sizes, and the tokens beside it; {} for no file.

    Raises Refused, see `gpt2.sizes`.
    """
    if not is_file(path := chosen.get("init_from", "")):
        return {}
    sizes = gpt2.sizes(expanded(path))
    shape = {"layers": sizes.layers, "width": sizes.width, "heads": sizes.heads, "context": sizes.context}
    return {"model": "transformer", "as_gpt2": True, "level": "bpe", "merges": str(Path(path).parent), **shape}


def parameters(path: str, config: Any) -> dict[str, Any]:
    """Those in a file, with as many positions as the Config has. Raises Refused, see `gpt2.parameters`."""
    return gpt2.parameters(expanded(path), config.reading.context)


def writing(flags: TextFlags) -> tuple[LanguageModel, dict[str, Any]]:
    """The model in --init_from and its parameters.

    Raises Refused for files that cannot be read, or do not belong together.
    """
    sizes = gpt2.sizes(expanded(flags.init_from))
    vocabulary = byte_pairs.stored(flags.merges)
    if len(vocabulary) != sizes.vocabulary:
        raise Refused(f"{flags.init_from} has {sizes.vocabulary:,} tokens, and vocab.json {len(vocabulary):,}")
    shape: dict[str, Any] = {"layers": sizes.layers, "width": sizes.width, "heads": sizes.heads, "as_gpt2": True}
    config = gpt.Config(vocabulary=vocabulary, batch=1, reading=flags.reading, **shape)
    return gpt.network(config), parameters(flags.init_from, config)


def is_file(path: str) -> bool:
    """Whether --init_from names a file, and not the directory of a run."""
    return bool(path) and expanded(path).is_file()


def expanded(path: str) -> Path:
    """The path, a ~ as the home directory."""
    return Path(os.path.expanduser(path))
