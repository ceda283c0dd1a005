"""The bytes of a DBN file: its header, and a check that the file is complete.

The vendor's client reads a truncated zstd frame, and a file cut inside a record, as if they were complete. So the
file is read once before, in constant memory, and only a complete one is given to the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mtstore.errors import BrokenFileError, UnrecognisedFileError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
DBN_MAGIC = b"DBN"
SUPPORTED_VERSIONS = (1, 2, 3)

_PREFIX_BYTES = 8  # magic, version, length of the metadata
_READ_BYTES = 1 << 15


@dataclass(frozen=True, slots=True)
class DbnHeader:
    """The metadata of a DBN file as bytes, with their prefix, and whether the file is compressed."""

    raw: bytes
    is_compressed: bool

    @property
    def version(self) -> int:
        return self.raw[3]


def read_header(path: Path) -> DbnHeader:
    """Read the bytes of the metadata, but not the records.

    Raises
    ------
    UnrecognisedFileError
        The file is not DBN.
    BrokenFileError
        The file is cut inside the metadata, or its version is not supported.
    """
    is_compressed = _starts_with_zstd(path)
    raw = b""
    expected = _PREFIX_BYTES
    for piece in _pieces(path, is_compressed=is_compressed):
        raw += piece
        if len(raw) >= _PREFIX_BYTES:
            expected = _header_bytes(path, raw)
        if len(raw) >= expected:
            return DbnHeader(raw[:expected], is_compressed)
    if not raw.startswith(DBN_MAGIC):
        raise UnrecognisedFileError(_not_dbn(path, raw))
    raise BrokenFileError(
        f"{path}: cut inside the DBN metadata, after {len(raw)} of {expected if len(raw) >= 8 else 'at least 8'} bytes"
    )


def count_records(path: Path, header: DbnHeader, record_bytes: int) -> int:
    """Count the records by reading the file to its end.

    Raises
    ------
    BrokenFileError
        The file is cut (inside a zstd frame or inside a record), or cannot be decompressed. An uncompressed file that
        is cut exactly between two records looks complete.
    """
    total = 0
    for piece in _pieces(path, is_compressed=header.is_compressed, named_records=(len(header.raw), record_bytes)):
        total += len(piece)
    count, rest = divmod(total - len(header.raw), record_bytes)
    if rest:
        raise BrokenFileError(
            f"{path}: cut inside record {count + 1:,}: {rest} of its {record_bytes} bytes are there "
            f"(the file ends at byte {total:,}{' of the decompressed data' if header.is_compressed else ''})"
        )
    return count


def _starts_with_zstd(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == ZSTD_MAGIC


def _header_bytes(path: Path, raw: bytes) -> int:
    if not raw.startswith(DBN_MAGIC):
        raise UnrecognisedFileError(_not_dbn(path, raw))
    if raw[3] not in SUPPORTED_VERSIONS:
        raise BrokenFileError(f"{path}: DBN version {raw[3]}; supported are {', '.join(map(str, SUPPORTED_VERSIONS))}")
    return _PREFIX_BYTES + int.from_bytes(raw[4:8], "little")


def _not_dbn(path: Path, raw: bytes) -> str:
    return f"{path}: not a DBN file: it begins with {raw[:8]!r}, DBN begins with b'DBN'" if raw else f"{path}: empty"


def _pieces(path: Path, *, is_compressed: bool, named_records: tuple[int, int] | None = None) -> Iterator[bytes]:
    """Yield the decompressed bytes; `named_records` (bytes of header and record) lets errors name the record."""
    with path.open("rb") as stream:
        if not is_compressed:
            while piece := stream.read(_READ_BYTES):
                yield piece
            return
        yield from _decompressed(path, iter(lambda: stream.read(_READ_BYTES), b""), named_records)


def _decompressed(path: Path, chunks: Iterator[bytes], named_records: tuple[int, int] | None) -> Iterator[bytes]:
    import zstandard

    def place() -> str:
        if named_records is None or produced < named_records[0]:
            return "inside the metadata"
        return f"inside or before record {(produced - named_records[0]) // named_records[1] + 1:,}"

    frame = zstandard.ZstdDecompressor().decompressobj()
    is_open, consumed, produced = False, 0, 0
    for chunk in chunks:
        consumed += len(chunk)
        rest = chunk
        while rest:
            try:
                piece = frame.decompress(rest)
            except zstandard.ZstdError as error:
                raise BrokenFileError(
                    f"{path}: cannot be decompressed near byte {consumed - len(rest):,}, {place()}: {error}"
                ) from error
            # Data may be several frames in a row; the last one must have ended when the file does.
            is_open = not frame.eof
            rest = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            produced += len(piece)
            yield piece
    if is_open:
        raise BrokenFileError(f"{path}: the zstd data is cut off at byte {consumed:,}, the end of the file, {place()}")
