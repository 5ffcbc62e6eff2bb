"""The rows of a table that takes long to make, kept as soon as each is there: rows.json in a folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run.workdir import differences

NAME = "rows.json"


def read_kept(folder: str | os.PathLike, identity: Mapping[str, Any]) -> dict[str, Any]:
    """name -> row of those that are kept; none where there is no file.

    Args:
        folder: of the table.
        identity: what the rows depend on, as JSON: flags, the hash of the data.

    Raises Refused where they were made with another identity, or the file is damaged.
    """
    path = Path(folder) / NAME
    try:
        kept = json.loads(path.read_text())
        there, rows = kept["identity"], dict(kept["rows"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{path} is damaged") from None
    if lines := differences(there, json.loads(json.dumps(identity))):
        raise Refused(f"{folder} holds rows of other flags ({'; '.join(lines)}); choose another --workdir")
    return rows


def keep(folder: str | os.PathLike, identity: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    """Writes all rows. Raises Refused where they cannot be written."""
    content = {"identity": dict(identity), "rows": dict(rows)}
    write_whole(Path(folder) / NAME, json.dumps(content, indent=2).encode() + b"\n")
