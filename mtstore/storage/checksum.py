"""Seals: a digest of a whole parquet file, kept in its own footer, so that one flipped bit anywhere in it shows.

Parquet's page checksums cover pages alone, not their headers, nor the footer. The seal is a footer value of fixed
length; it is the digest of the file with that value zeroed. A file therefore needs nobody else to vouch for it.
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
"""What the footer's key `KEY` holds until the file is sealed."""


def write_checksum(path: Path) -> None:
    """Put the digest into a finished file whose footer says `OPEN`."""
    content = path.read_bytes()
    at = _place(content)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(_digest(content, at))


def has_checksum(content: bytes) -> bool:
    """Whether a file has a seal at all."""
    return content.rfind(_MARK) >= 0


def checksum_matches(content: bytes) -> bool:
    """Whether a file's seal is the digest of the rest of it."""
    at = content.rfind(_MARK)
    if at < 0:
        return False
    at += len(_MARK)
    return content[at : at + _DIGITS] == _digest(content, at)


def _place(content: bytes) -> int:
    at = content.rfind(OPEN)
    if at < 0:
        raise ValueError("the file's footer has no place for a seal")
    return at + len(_MARK)


def _digest(content: bytes, at: int) -> bytes:
    import xxhash

    digest = xxhash.xxh3_128()
    digest.update(memoryview(content)[:at])
    digest.update(b"0" * _DIGITS)
    digest.update(memoryview(content)[at + _DIGITS :])
    return digest.hexdigest().encode()


MANIFEST = "facts.json"
"""The file of a folder that vouches for the folder's other files, and for itself."""


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` and the digests of the folder's files into its manifest."""
    digests = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    body = {**facts, "digests": digests}
    (folder / MANIFEST).write_text(json.dumps({**body, "seal": _digest_of_facts(body)}))


def read_manifest(folder: Path) -> dict[str, str] | None:
    """The digests of a folder's files, or None if there is no manifest or it is damaged."""
    try:
        text = (folder / MANIFEST).read_text()
        body = json.loads(text)
        said = body.pop("seal")
        digests: dict[str, str] = body["digests"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # The text is compared, too: JSON has many ways to write the same.
    is_ours = said == _digest_of_facts(body) and text == json.dumps({**body, "seal": said})
    return digests if is_ours else None


def digest_of(path: Path) -> str:
    """The digest of a file of any size."""
    import xxhash

    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _digest_of_facts(body: Mapping[str, Any]) -> str:
    import xxhash

    return xxhash.xxh3_128(json.dumps(body, sort_keys=True).encode()).hexdigest()
