"""What is said of what cannot be used: one sentence, whatever is wrong with it."""

import mutants
import pytest

from jaxgen.core.types import Refused


def refused(says, call, *given, **options):
    """The sentence in which a call refuses; `says` is a pattern in it."""
    with pytest.raises(Refused, match=says) as caught:
        call(*given, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(content, step=1):
    """The content with a bit or a byte changed at every so many places."""
    for at in range(0, len(content), step):
        yield content[:at] + bytes([content[at] ^ (1 << (at % 8) if at % 3 else 0xFF)]) + content[at + 1 :]


def cut(content, step=1):
    """The content cut short at every so many lengths, and at the last ones."""
    for length in sorted({*range(0, len(content), step), *range(len(content) - 25, len(content))}):
        yield content[:length]


def outcomes(path, contents, load, named=None):
    """For each content of the file: what `load` returns, None where it refuses as it should, the sentence where not."""
    found = []
    for content in contents:
        path.write_bytes(content)
        try:
            found.append(load())
        except Refused as refusal:
            said = str(refusal)
            found.append(None if str(named or path) in said and "\n" not in said else said)
    return found


def plainly(says, path, call, *given, **options):
    """As `refused`, of a hostile file: a short printable sentence that names it, without much memory."""
    with pytest.raises(Refused, match=says) as caught, mutants.bounded():
        call(*given, **options)
    assert not mutants.unlike_a_sentence(caught.value, (path.name,), mutants.LETTERS + len(str(path.parent)))
