"""Checksums: a digest of a whole parquet file in its own footer, so that a single flipped bit is found.

Parquet's page checksums cover pages only, not their headers or the footer. Ours is a footer value of fixed length: the
digest of the file with that value zeroed, so that no other file is needed to check it. On disk it is called a seal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = b"mtstore_seal"
_MARK = b"mtstore_seal:"
_DIGITS = 32
OPEN = _MARK + b"0" * _DIGITS
"""The value of the footer's key `KEY` until `write_checksum` fills it in."""

MANIFEST = "facts.json"
"""The file of a folder that has the digests of the folder's other files, and its own."""


def write_checksum(path: Path) -> None:
    """Fill in the checksum of a finished file whose footer has `OPEN`."""
    content = path.read_bytes()
    at = content.rfind(OPEN)
    if at < 0:
        raise ValueError(f"{path}: its footer has no place for a checksum")
    at += len(_MARK)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(_digest(content, at))


def has_checksum(content: bytes) -> bool:
    """Return whether a file has a checksum."""
    return content.rfind(_MARK) >= 0


def checksum_matches(content: bytes) -> bool:
    """Return whether a file has a checksum that matches its content."""
    at = content.rfind(_MARK)
    if at < 0:
        return False
    at += len(_MARK)
    return content[at : at + _DIGITS] == _digest(content, at)


def _digest(content: bytes, at: int) -> bytes:
    import xxhash

    digest = xxhash.xxh3_128()
    digest.update(memoryview(content)[:at])
    digest.update(b"0" * _DIGITS)
    digest.update(memoryview(content)[at + _DIGITS :])
    return digest.hexdigest().encode()


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` and the digests of the folder's files into its manifest."""
    digests = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    body = {**facts, "digests": digests}
    (folder / MANIFEST).write_text(json.dumps({**body, "seal": _digest_of_facts(body)}))


def read_manifest(folder: Path) -> dict[str, str] | None:
    """Return the digests of a folder's files, or None if the manifest is missing or damaged."""
    try:
        text = (folder / MANIFEST).read_text()
        body = json.loads(text)
        stored = body.pop("seal")
        digests: dict[str, str] = body["digests"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # The text is compared as well: JSON has many ways to write the same values.
    matches = stored == _digest_of_facts(body) and text == json.dumps({**body, "seal": stored})
    return digests if matches else None


def digest_of(path: Path) -> str:
    """Return the digest of a file of any size."""
    import xxhash

    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _digest_of_facts(body: Mapping[str, Any]) -> str:
    import xxhash

    return xxhash.xxh3_128(json.dumps(body, sort_keys=True).encode()).hexdigest()
