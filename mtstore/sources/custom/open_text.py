"""Open text files of any packing (gzip, zip, zstd, bzip2, xz) and encoding as streams of UTF-8 lines."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from mtstore.errors import BrokenFileError
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping

_GZIP, _ZIP, _ZSTD, _BZ2, _XZ = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_IGNORED: Final = ("__MACOSX/", ".")


def archive_members(path: Path) -> list[str]:
    """Return the members of a zip file, which are read as files; empty for other files."""
    with path.open("rb") as stream:
        if stream.read(4) != _ZIP:
            return []
    with named_errors(path), zipfile.ZipFile(path) as archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
    found = [name for name in names if not name.startswith(_IGNORED)]
    if not found or any(name in ("[Content_Types].xml", "mimetype") for name in found):
        raise BrokenFileError(f"{path}: it is not an archive of text files; save a table as CSV or parquet")
    return sorted(found)


@contextlib.contextmanager
def open_text(path: Path, member: str | None, mapping: ColumnMapping) -> Iterator[BinaryIO]:
    """Open a file, or a member of a zip file, as UTF-8 without byte-order mark, comments and footer."""
    with contextlib.ExitStack() as stack:
        packed = cast(BinaryIO, stack.enter_context(path.open("rb")))
        stream = _unpack(packed, member, stack)
        stream = stack.enter_context(_as_utf8(stream, mapping.encoding))
        if mapping.comment is not None or mapping.footer_lines:
            lines = _data_lines(stream, mapping)
            stream = stack.enter_context(io.BufferedReader(cast(Any, _Pieces(lines))))
        yield stream


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, unpacked (of a zip file: of its first member).

    BrokenFileError: a zip file has no text files. Errors of decompressors pass unmapped.
    """
    members = archive_members(path)
    with contextlib.ExitStack() as stack:
        packed = stack.enter_context(path.open("rb"))
        return _unpack(cast(BinaryIO, packed), members[0] if members else None, stack).read(size)


def is_text(path: Path) -> bool:
    """Return whether a file, unpacked, begins with text."""
    try:
        head = read_head(path, 4_096)
    except (BrokenFileError, OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error):
        return False
    return bool(head) and (head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" not in head)


@contextlib.contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Map errors of Arrow and of decompressors about an unreadable file to BrokenFileError."""
    import pyarrow as pa

    try:
        yield
    except UnicodeError as error:
        raise BrokenFileError(
            f"{path}: the text has another encoding; set encoding, such as latin-1: {error}"
        ) from error
    except (pa.ArrowException, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        hint = "; set encoding, such as latin-1" if "UTF8" in str(error) else ""
        raise BrokenFileError(f"{path}: cannot be read to its end: {error}{hint}") from error
    except OSError as error:
        # Arrow and gzip raise it without a number for bad content; the system's own errors pass.
        if error.errno is not None:
            raise
        raise BrokenFileError(f"{path}: cannot be read to its end: {error}") from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise BrokenFileError(f"{path}: cannot be read to its end: {error}") from error


def _unpack(packed: BinaryIO, member: str | None, stack: contextlib.ExitStack) -> BinaryIO:
    if member is not None:
        archive = stack.enter_context(zipfile.ZipFile(packed))
        inner = stack.enter_context(archive.open(member))
        return cast(BinaryIO, inner)
    head = packed.read(6)
    packed.seek(0)
    opened: Any = packed
    if head.startswith(_GZIP):
        opened = stack.enter_context(gzip.open(packed, "rb"))  # noqa: SIM115 - the stack closes it
    elif head.startswith(_BZ2):
        opened = stack.enter_context(bz2.open(packed, "rb"))  # noqa: SIM115 - the stack closes it
    elif head.startswith(_XZ):
        opened = stack.enter_context(lzma.open(packed, "rb"))  # noqa: SIM115 - the stack closes it
    elif head.startswith(_ZSTD):
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        opened = stack.enter_context(io.BufferedReader(cast(Any, reader)))
    return cast(BinaryIO, opened)


def _as_utf8(stream: BinaryIO, encoding: str | None) -> Any:
    """Return a stream of UTF-8; one that is UTF-8 already passes unchanged, without its mark."""
    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(cast(Any, stream))
    head = buffered.peek(4)[:4]
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    name = marked or encoding or "utf-8"
    if codecs.lookup(name.removesuffix("-sig")).name == "utf-8":
        if marked is not None:
            buffered.read(len(codecs.BOM_UTF8))
        return contextlib.nullcontext(buffered)
    return io.BufferedReader(cast(Any, _Pieces(_recoded(buffered, name))))


def _recoded(stream: Any, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    while piece := stream.read(1 << 20):
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _data_lines(stream: Any, mapping: ColumnMapping) -> Iterator[bytes]:
    sign = mapping.comment.encode() if mapping.comment is not None else None
    held: deque[bytes] = deque()
    for line in stream:
        if sign is not None and line.lstrip().startswith(sign):
            continue
        held.append(line)
        if len(held) > mapping.footer_lines:
            yield held.popleft()


class _Pieces(io.RawIOBase):
    """A readable stream of the bytes that an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
