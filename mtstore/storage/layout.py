"""Where things lie in a store: folders, hive partitions, and the file names of tickers.

STORE/
  market.duckdb                     symlink to the newest public snapshot
  public/000123/market.duckdb       read-only snapshots for everybody (0444)
  catalog/000123.duckdb             the store's own copies, never public
  data/schema=…/source=…/ticker=…/year=…/<id>.parquet
  meta/log/000123.parquet           what each commit did; meta/quarantine, meta/revisions beside it
  tmp/<run>/                        staging of running writers
  write.lock                        held by the one process that commits
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

from mtstore.arguments import ticker_name
from mtstore.bars import is_daily
from mtstore.errors import InputError, TickerError

FOLDERS = ("tmp", "catalog", "public", "data", "meta/log")

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
# What DuckDB reads as SQL NULL in a hive path, in one version or another.
_HIVE_NULLS = frozenset({"NULL", "__HIVE_DEFAULT_PARTITION__"})
_LONGEST_ENCODED = 240  # file systems allow 255 bytes a name; "ticker=" and some air must fit
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_GENERATION = re.compile(r"(\d{6,})(?:\.(?:duckdb|parquet))?\Z")


def encode_ticker(ticker: str) -> str:
    """A ticker as a path component: A-Z 0-9 - _ . stand for themselves, the rest is %XX of its UTF-8 bytes.

    Lower-case letters are encoded too, so that `BACpB` and `BACPB` never meet on a file system that ignores case; so
    are a leading dot (`..`), and the first letter of `NULL`, which DuckDB 1.x reads as SQL NULL in a hive path.

    Raises
    ------
    TickerError
        Empty, with control characters or surrounding blanks, or too long for a file name.
    """
    ticker_name(ticker)
    try:
        raw = ticker.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TickerError(f"ticker {ticker!r} is not valid Unicode text") from error
    text = "".join(chr(byte) if chr(byte) in _SAFE else f"%{byte:02X}" for byte in raw)
    if text.startswith(".") or ticker in _HIVE_NULLS:
        text = f"%{raw[0]:02X}{text[1:]}"
    if len(text) > _LONGEST_ENCODED:
        raise TickerError(
            f"ticker {ticker[:40]!r}… takes {len(text)} characters in a file name; at most {_LONGEST_ENCODED} fit"
        )
    return text


def decode_ticker(text: str) -> str:
    """The ticker that `encode_ticker` wrote."""
    return unquote(text, encoding="utf-8", errors="strict")


def check_source_name(source: str) -> str:
    """`source` if it can name a folder, else an InputError that says what can."""
    if not isinstance(source, str) or not _SOURCE_NAME.match(source):
        raise InputError(
            f"source {source!r}: a source's name is lower-case letters, digits, '.', '_', '-' "
            "(at most 64, starting with a letter or digit), like 'polygon' or 'databento-xnas.itch'"
        )
    return source


DEFAULT_GRACE = timedelta(days=7)
"""How long retired files and old generations stay for readers that still use them."""


def new_id() -> str:
    """A name that is never used again; later ids sort later."""
    return f"{time.time_ns() // 1_000:014x}-{secrets.token_hex(4)}"


@dataclass(frozen=True, order=True, slots=True)
class Partition:
    """One folder of data files: a series' bars of one UTC year, or all of them for daily bars (`year` None)."""

    schema: str
    source: str
    ticker: str
    year: int | None

    def __post_init__(self) -> None:
        if is_daily(self.schema) != (self.year is None):
            raise InputError(f"{self.schema} partitions are {'whole' if is_daily(self.schema) else 'by year'}")

    @property
    def folder(self) -> str:
        """The folder's path, relative to the store's root."""
        path = f"data/schema={self.schema}/source={check_source_name(self.source)}/ticker={encode_ticker(self.ticker)}"
        return path if self.year is None else f"{path}/year={self.year}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def public_link(self) -> Path:
        return self.root / "market.duckdb"

    @property
    def public(self) -> Path:
        return self.root / "public"

    @property
    def catalog(self) -> Path:
        return self.root / "catalog"

    @property
    def log(self) -> Path:
        return self.root / "meta" / "log"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def lock(self) -> Path:
        return self.root / "write.lock"

    def make_folders(self) -> None:
        """Make what is missing of the store's folders: a copy may hold no more than `data/` and `meta/`."""
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def catalog_file(self, generation: int) -> Path:
        return self.catalog / f"{generation:06d}.duckdb"

    def log_file(self, generation: int) -> Path:
        return self.log / f"{generation:06d}.parquet"

    def public_file(self, generation: int) -> Path:
        return self.public / f"{generation:06d}" / "market.duckdb"

    def is_store(self) -> bool:
        """Whether a commit was ever made here."""
        return bool(self.snapshots(self.log))

    def is_empty_or_half_made(self) -> bool:
        """Whether the root holds nothing, or only what a store that was never finished has."""
        ours = {name.partition("/")[0] for name in FOLDERS} | {self.lock.name}
        data = self.root / "data"
        return {entry.name for entry in self.root.iterdir()} <= ours and not (data.is_dir() and any(data.iterdir()))

    def snapshots(self, folder: Path) -> list[int]:
        """The generations that have a file or folder in `folder`, ascending."""
        if not folder.is_dir():
            return []
        return sorted(int(match[1]) for entry in folder.iterdir() if (match := _GENERATION.match(entry.name)))

    def newest_snapshot(self) -> int:
        """Return the number of the newest private snapshot, or 0 without one."""
        return max(self.snapshots(self.catalog), default=0)

    def published_snapshot(self) -> int | None:
        """The generation that `market.duckdb` points at, or None if it points nowhere."""
        if not self.public_link.is_symlink() or not self.public_link.exists():
            return None
        match = _GENERATION.match(self.public_link.readlink().parent.name)
        return int(match[1]) if match else None
