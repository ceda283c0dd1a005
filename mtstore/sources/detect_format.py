"""Detect the format of a file by its content; expand folders and globs to files."""

from __future__ import annotations

import glob
import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from mtstore.arguments import did_you_mean, first_few
from mtstore.bars import FILE_FORMATS, FileFormat
from mtstore.errors import BrokenFileError, InputError, UnrecognisedFileError
from mtstore.sources.custom.open_text import named_errors, read_head
from mtstore.sources.databento.dbn_stream import DBN_MAGIC, ZSTD_MAGIC

_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_POLYGON_COLUMNS = frozenset(("ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"))
_PEEK_BYTES = 65_536
_PACKINGS = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_OTHER_TABLES = (
    (b"PK\x03\x04\x14\x00\x06\x00", "an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"ARROW1", "a feather file"),
    (b"FEA1", "a feather file"),
)
_DELIMITERS = ",;\t|"
_POLYGON_OTHERS = {"bid_price": "quotes", "sip_timestamp": "trades", "participant_timestamp": "trades"}
# Files beside the data in a vendor's download, by suffix and by the beginning of the name.
_SIDE_SUFFIXES = frozenset((
    ".json", ".part", ".tmp", ".md", ".log", ".html", ".md5", ".sha1", ".sha256", ".checksum", ".yaml", ".yml", ".pdf",
))  # fmt: skip
_SIDE_NAMES = re.compile(r"(?:readme|license|licence|thumbs\.db\Z|desktop\.ini\Z|_success\Z|\.)", re.IGNORECASE)
_ANGLE_BRACKETS = re.compile(r"<\w+>\s*[,;\t|]")


def expand_paths(paths: Iterable[str | Path], passed_over: list[Path] | None = None) -> list[Path]:
    """Return the files of `paths`, each once, in the order of `paths`.

    Parameters
    ----------
    paths
        Files, folders (searched recursively, without hidden files and side files such as README and `.json`) and
        globs (`**` too). Within a folder or a glob files are ordered by path.
    passed_over
        Takes the side files of folders.

    Raises
    ------
    InputError
        A path does not exist, or a folder or glob contains no file.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _expand(Path(path), [] if passed_over is None else passed_over):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def detect_format(path: Path | str) -> FileFormat:
    """Return the format of a file: `polygon-flatfile`, `dbn`, `parquet` or `csv`.

    The content decides. A name with another format's suffix is an error, because one of the two is wrong.

    Raises
    ------
    InputError
        The file does not exist.
    UnrecognisedFileError
        The file is empty, its format is unknown, or its name has another format's suffix.
    BrokenFileError
        It ends before its format can be detected, or its end is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'is not a file' if path.exists() else 'does not exist'}")
    with path.open("rb") as stream:
        head = stream.read(_PEEK_BYTES)
    if not head:
        raise UnrecognisedFileError(f"{path}: the file is empty")
    found, is_gzip = _of_content(path, head)
    _check_name(path, found, is_gzip=is_gzip, is_zstd=head.startswith(ZSTD_MAGIC))
    return found


def _of_content(path: Path, head: bytes) -> tuple[FileFormat, bool]:
    """Return the format, and whether the content is gzipped."""
    if head.startswith(_PARQUET_MAGIC):
        _check_parquet_end(path)
        return "parquet", False
    if head.startswith(DBN_MAGIC):
        return "dbn", False
    if head.startswith(ZSTD_MAGIC):
        inner = _unzstd(path)
        return "dbn" if inner.startswith(DBN_MAGIC) else _of_packed_text(path, inner, "zstd"), False
    for magics, kind in _OTHER_TABLES:
        if head.startswith(magics):
            raise UnrecognisedFileError(f"{path}: {kind}; save it as CSV or parquet")
    for magic, packing in _PACKINGS.items():
        if head.startswith(magic) and (packing != "zip" or zipfile.is_zipfile(path)):
            with named_errors(path):
                inner = read_head(path, _PEEK_BYTES)
            return _of_packed_text(path, inner, packing), False
    if head.startswith(_GZIP_MAGIC):
        return _of_text(path, _gunzip(path), packed="gzip data that begins"), True
    return _of_text(path, head, packed="it begins"), False


def _of_packed_text(path: Path, head: bytes, packing: str) -> FileFormat:
    """Return the format of text in a packing that only custom files may have."""
    found = _of_text(path, head, packed=f"{packing} data that begins")
    if found == "polygon-flatfile":
        raise UnrecognisedFileError(f"{path}: a Polygon flat file in {packing}; unpack it, or pack it with gzip")
    return found


def _of_text(path: Path, head: bytes, *, packed: str) -> FileFormat:
    line, newline, _ = head.partition(b"\n")
    unknown = UnrecognisedFileError(
        f"{path}: unknown format: {packed} with {_show(head)}; use one of {', '.join(FILE_FORMATS)}"
    )
    try:
        header = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise unknown from None
    is_markup = header.startswith(("<", "{", "[")) and not _ANGLE_BRACKETS.match(header)
    if is_markup or not header.replace("\t", "").isprintable():
        raise unknown
    delimiter = max(_DELIMITERS, key=header.count)
    names = {name.strip().strip('"') for name in header.split(delimiter)}
    if len(names) < 2 or (not newline and len(head) >= _PEEK_BYTES):
        raise unknown
    others = [kind for column, kind in _POLYGON_OTHERS.items() if column in names]
    if others and "ticker" in names and not names >= {"open", "high"}:
        raise UnrecognisedFileError(f"{path}: Polygon {others[0]}: only minute_aggs_v1 and day_aggs_v1 are taken")
    is_polygon = "window_start" in names and len(names & _POLYGON_COLUMNS) >= 4
    return "polygon-flatfile" if is_polygon else "csv"


def _check_name(path: Path, found: FileFormat, *, is_gzip: bool, is_zstd: bool) -> None:
    content = {"polygon-flatfile": "CSV", "csv": "CSV", "dbn": "DBN", "parquet": "parquet"}[found]
    packing = "gzipped " if is_gzip else "zstd-compressed " if is_zstd else ""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    kinds = {".csv": "CSV", ".dbn": "DBN", ".parquet": "parquet", ".pq": "parquet"}
    promised = [kinds[suffix] for suffix in suffixes if suffix in kinds]
    last = suffixes[-1] if suffixes else ""
    is_wrong = (bool(promised) and promised[-1] != content) or (last == ".gz" and not is_gzip)
    is_wrong |= (last == ".zst" and not is_zstd) or (last == ".csv" and is_gzip)
    if is_wrong:
        raise UnrecognisedFileError(
            f"{path}: the suffix does not fit: the file contains {packing or 'uncompressed '}{content}"
        )


def _check_parquet_end(path: Path) -> None:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 4, 0))
        if size < 12 or stream.read(4) != _PARQUET_MAGIC:
            raise BrokenFileError(f"{path}: truncated parquet: it ends at byte {size:,}")


def _gunzip(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read(_PEEK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        first = _first_gunzipped(path)
        if b"\n" in first:
            return first
        raise BrokenFileError(f"{path}: truncated or damaged gzip data: {error}") from error


def _first_gunzipped(path: Path) -> bytes:
    """Return what can be decompressed of a damaged file's beginning; its reader reports where it breaks off."""
    try:
        with path.open("rb") as stream:
            return zlib.decompressobj(wbits=31).decompress(stream.read(_PEEK_BYTES))
    except zlib.error:
        return b""


def _unzstd(path: Path) -> bytes:
    import zstandard

    try:
        with path.open("rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream) as reader:
            inner = reader.read(_PEEK_BYTES)
    except zstandard.ZstdError as error:
        raise BrokenFileError(f"{path}: damaged zstd data: {error}") from error
    if len(inner) < len(DBN_MAGIC):
        raise BrokenFileError(f"{path}: truncated zstd data: it ends after {path.stat().st_size:,} bytes")
    return inner


def _expand(path: Path, passed_over: list[Path]) -> list[Path]:
    if path.is_dir():
        files = _files_below(path, passed_over)
        if not files:
            seen = f"; these are none: {first_few(sorted({one.name for one in passed_over}))}" if passed_over else ""
            raise InputError(f"{path}: the folder contains no data file{seen}")
        return files
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        matches = [Path(name) for name in glob.glob(str(path), recursive=True)]
        # A folder matched beside its own files (`**`) would add files that the pattern excludes.
        files = [match for match in matches if match.is_file()]
        files = files or [file for match in matches for file in _files_below(match, passed_over)]
        if not files:
            raise InputError(f"{path}: no file matches")
        return sorted(files, key=lambda file: file.parts)
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    raise InputError(f"{path}: does not exist{did_you_mean(path.name, siblings)}")


def _files_below(folder: Path, passed_over: list[Path]) -> list[Path]:
    found: list[Path] = []
    for file in sorted(folder.rglob("*"), key=lambda file: file.parts):
        folders = file.relative_to(folder).parts[:-1]
        if not file.is_file() or any(part.startswith(".") for part in folders):
            continue
        is_side = _SIDE_NAMES.match(file.name) or file.suffix.lower() in _SIDE_SUFFIXES or "__MACOSX" in folders
        (passed_over if is_side else found).append(file)
    return found


def _show(content: bytes) -> str:
    return repr(content[:24])
