"""
Content-addressed documents, packed in bundles: the rules of a deployment as JSON lines under one name.

A bundle is immutable and named by the sha256 of its bytes, so it can be written twice, checked after reading, and
found by anybody who knows its name. One deployment writes one bundle, whatever its size (a push, a PUT, an fsync).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deployer.core.canonical import canonical_bytes, digest_of_bytes
from deployer.errors import StateError

_FEW: Final = 32
_NAMED: Final = slice(len('{"digest":"'), len('{"digest":"sha256:') + 64)


def pack(documents: Iterable[Mapping[str, Any]]) -> tuple[str, bytes]:
    """Return the store name and the bytes of a bundle that holds these documents, sorted by digest, each once."""
    return pack_texts({digest_of_bytes(text): text for text in map(canonical_bytes, documents)})


def pack_texts(texts: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return the store name and the bytes of a bundle of canonical texts by digest: for who has made them already."""
    data = b"".join(b'{"digest":"%s","document":%s}\n' % (name.encode(), texts[name]) for name in sorted(texts))
    return f"bundles/{hashlib.sha256(data).hexdigest()}.ndjson", data


def check(name: str, data: bytes) -> None:
    """Raise StateError if the bytes are not those that the bundle's name promises."""
    if not name.endswith(f"/{hashlib.sha256(data).hexdigest()}.ndjson"):
        raise StateError(f"{name} is damaged: its content does not match its name")


def find(data: bytes, wanted: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the wanted documents of a bundle, by digest. Only their lines are parsed."""
    found: dict[str, dict[str, Any]] = {}
    names = set(wanted)
    if len(names) > _FEW:  # each search below reads the bundle from its beginning
        lines = ((line[_NAMED].decode("ascii", "replace"), line) for line in data.split(b"\n"))
        return {name: json.loads(line)["document"] for name, line in lines if name in names}
    for name in names:
        start = data.find(f'{{"digest":"{name}"'.encode())
        if start >= 0:
            line = data[start : data.index(b"\n", start)]
            found[name] = json.loads(line)["document"]
    return found
