"""Changes of a valid file that damage or an attacker could make, each a function of a generator and bytes."""

import gzip
import io
import re
import struct
import warnings
import zipfile
import zlib

INTERESTING = (0x00, 0xFF, 0x7F, 0x80)
HUGE = (2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1)
DIGITS = (b"0", b"-1", b"99999999", b"4294967296", b"18446744073709551616", b"1e308", b"1e999", b"NaN", b"9" * 5000)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NESTED = (b"[", b"{", b"(", b'{"a":', b"<g>")


def place(rng, data):
    """A position: in the first bytes, where headers are, in the last, where directories are, or anywhere."""
    size, kind = len(data), rng.integers(4)
    if kind < 2:
        return int(rng.integers(min(256, size)))
    return int(rng.integers(max(0, size - 128), size)) if kind == 2 else int(rng.integers(size))


def span(rng, data):
    """Begin and end of a slice of at least one byte, most of them short."""
    begin = place(rng, data)
    return begin, min(len(data), begin + int(2 ** rng.uniform(0, 12)))


def put(data, at, new):
    return (data[:at] + new + data[at + len(new) :])[: len(data)]


def bits(rng, data):
    changed = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        changed[place(rng, data)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def values(rng, data):
    changed = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        changed[place(rng, data)] = int(rng.choice([*INTERESTING, rng.integers(256)]))
    return bytes(changed)


def truncated(rng, data):
    return data[: place(rng, data)]


def inserted(rng, data):
    at, length = place(rng, data), int(2 ** rng.uniform(0, 12))
    run = rng.bytes(length) if rng.integers(3) == 0 else bytes([int(rng.choice(INTERESTING))]) * length
    return data[:at] + run + data[at:]


def duplicated(rng, data):
    begin, end = span(rng, data)
    at = place(rng, data)
    return data[:at] + data[begin:end] * int(rng.choice([1, 1, 1, 100])) + data[at:]


def removed(rng, data):
    begin, end = span(rng, data)
    return data[:begin] + data[end:]


def overwritten(rng, data):
    """A slice lies over another place."""
    begin, end = span(rng, data)
    return put(data, place(rng, data), data[begin:end])


def enlarged(rng, data):
    """A number of 2, 4 or 8 bytes is a huge one."""
    code = str(rng.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
    number = HUGE[rng.integers(len(HUGE))] & (256 ** struct.calcsize(code) - 1)
    at = place(rng, data) & ~1 if rng.integers(2) else place(rng, data)
    return put(data, at, struct.pack(code, number))


def digits(rng, data):
    """A number in text is another one."""
    found = list(re.finditer(rb"\d+(?:\.\d+)?", data[:100_000]))
    if not found:
        return enlarged(rng, data)
    match = found[rng.integers(min(len(found), 8) if rng.integers(2) else len(found))]
    return data[: match.start()] + DIGITS[rng.integers(len(DIGITS))] + data[match.end() :]


def lengthened(rng, data):
    """A word is thousands of letters long."""
    ends = [match.end() for match in re.finditer(rb"[A-Za-z_]{2,}", data[:100_000])] or [0]
    at = ends[rng.integers(len(ends))]
    return data[:at] + b"x" * 5000 + data[at:]


def nested(rng, data):
    """Brackets that are opened a hundred thousand times, as a value or in the middle of the file."""
    at = place(rng, data)
    if rng.integers(2) and (colons := [match.end() for match in re.finditer(rb"[:\[,]", data[:100_000])]):
        at = colons[rng.integers(len(colons))]
    return data[:at] + NESTED[rng.integers(len(NESTED))] * 100_000 + data[at:]


def twice(rng, data):
    return data + data


def empty(rng, data):
    return b""


OFTEN = (
    bits,
    values,
    truncated,
    inserted,
    duplicated,
    removed,
    overwritten,
    enlarged,
    enlarged,
    digits,
    digits,
    lengthened,
)
SELDOM = (nested, twice, empty)


def unpacked(rng, data):
    """What is packed in the data, and a function that packs it again with the right checksums; None where nothing is.

    It is a member of a zip archive, the content of a gzip file, or a chunk of a PNG.
    """
    if data.startswith(b"PK\x03\x04"):
        return member(rng, data)
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data), lambda inner: gzip.compress(inner, 1, mtime=0)
    return chunk(rng, data) if data.startswith(SIGNATURE) else None


def member(rng, data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        contents = [archive.read(info) for info in infos]
    which = int(rng.integers(len(infos)))
    own = [info.filename for info in infos]
    if rng.integers(8) == 0:
        own[which] = str(rng.choice(["x" * 5000 + own[which], "../" + own[which], own[which - 1], "a\\b", "/a"]))

    def packed(inner):
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
            warnings.simplefilter("ignore")  # of a name that is there twice
            for number, (info, name, content) in enumerate(zip(infos, own, contents)):
                new = zipfile.ZipInfo(name)
                archive.writestr(new, inner if number == which else content, info.compress_type)
        return out.getvalue()

    return contents[which], packed


def chunk(rng, data):
    parts, at = [], len(SIGNATURE)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    which = int(rng.integers(len(parts)))

    def packed(inner):
        out = SIGNATURE
        for number, (kind, content) in enumerate(parts):
            body = kind + (inner if number == which else content)
            out += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return out

    return parts[which][1], packed


def mutant(rng, data, others):
    """The data changed, and how in words; `others` are files of other formats."""
    kind = rng.integers(100)
    if kind == 0:
        return others[rng.integers(len(others))], "another format"
    if kind < 50 and (inner := unpacked(rng, data)) and inner[0]:
        new, how = mutant(rng, inner[0], others)
        return inner[1](new), f"{how} inside"
    changes = SELDOM if kind > 93 else OFTEN
    names = []
    for _ in range(1 if changes is SELDOM else rng.integers(1, 3)):
        if data:
            change = changes[rng.integers(len(changes))]
            data = change(rng, data)
            names.append(change.__name__)
    return data, ", ".join(names)
