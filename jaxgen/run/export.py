"""A run's parameters as one .safetensors file, which other frameworks read."""

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused


def check_export(path: str) -> None:
    """Raises Refused, before anything is trained, where parameters cannot be exported to a path; "": to none."""
    if path and importlib.util.find_spec("safetensors") is None:
        raise Refused('--export needs safetensors: pip install "jaxgen[weights]"')
    if path and os.path.isdir(os.path.expanduser(path)):
        raise Refused(f"--export={path} is a directory; it must name a file")


def export(path: str, params: Any, technique: str, config: Mapping[str, Any], sha256: str) -> None:
    """Writes the parameters; an array's name is its path in the tree, joined by dots, or `params` where it is alone.

    The file's metadata, all text, are `technique`, its `config` as JSON, and `params_sha256` as in summary.json.
    Raises Refused where the file cannot be written, and where a parameter's type is none that safetensors has.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    leaves = jax.tree_util.tree_leaves_with_path(params)
    named = {jax.tree_util.keystr(at, simple=True, separator=".") or "params": leaf for at, leaf in leaves}
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in named.items()}
    metadata = {"technique": technique, "config": json.dumps(config), "params_sha256": sha256}
    try:
        data = save(arrays, metadata)
    except SafetensorError as error:
        raise Refused(f"cannot write {path}: {error}") from error
    write_whole(Path(os.path.expanduser(path)), data)
