"""The layout of a store: folders, hive partitions, and file names of tickers.

STORE/
  market.duckdb                     symlink to the newest public snapshot
  public/000123/market.duckdb       read-only snapshots for all readers (0444)
  catalog/000123.duckdb             the store's own copies, never public
  data/schema=…/source=…/ticker=…/year=…/<id>.parquet
  meta/log/000123.parquet           the commit log; meta/quarantine, meta/revisions beside it
  tmp/<run>/                        staging folders of running writers
  tmp/downloads/                    paid downloads of runs that ended before they committed them
  write.lock                        locked by the one process that commits
  write.next                        locked by the one that commits after it
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
from mtstore.storage.write_lock import next_lock

DOWNLOADS = "downloads"
"""A staging folder's own folder of complete downloads, and the store's for those that a run left there."""

FOLDERS = ("tmp", "catalog", "public", "data", "meta/log")

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
# Some version of DuckDB reads these as SQL NULL in a hive path.
_HIVE_NULLS = frozenset({"NULL", "__HIVE_DEFAULT_PARTITION__"})
_LONGEST_ENCODED = 240  # file systems allow 255 bytes a name; "ticker=" and a margin must fit
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_SNAPSHOT = re.compile(r"([0-9]{6,})(?:\.(?:duckdb|parquet))?\Z")


def encode_ticker(ticker: str) -> str:
    """Encode a ticker as a path component: A-Z 0-9 - _ . stay, other characters become %XX of their UTF-8 bytes.

    Lower-case letters are encoded too, so that `BACpB` and `BACPB` differ on a file system that ignores case. So are a
    leading dot (`..`), and the first letter of `NULL`, which DuckDB 1.x reads as SQL NULL in a hive path.

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
    """Return the ticker that `encode_ticker` encoded."""
    return unquote(text, encoding="utf-8", errors="strict")


def check_source_name(source: str) -> str:
    """Return `source` if it can name a folder; otherwise raise InputError."""
    if not isinstance(source, str) or not _SOURCE_NAME.match(source):
        raise InputError(
            f"source: was {source!r}; use lower-case letters, digits, '.', '_', '-' "
            "(at most 64, starting with a letter or digit), like 'polygon' or 'databento-xnas.itch'"
        )
    return source


DEFAULT_GRACE = timedelta(days=7)
"""How long retired files and old snapshots are kept for readers that still use them."""


def new_id() -> str:
    """Return a unique name; later ids sort later."""
    return f"{time.time_ns() // 1_000:014x}-{secrets.token_hex(4)}"


@dataclass(frozen=True, order=True, slots=True)
class Partition:
    """One folder of data files: a series' bars of one UTC year, or all of its daily bars (`year` None)."""

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


class Layout:
    """The paths of one store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.public_link = root / "market.duckdb"
        self.public = root / "public"
        self.catalog = root / "catalog"
        self.log = root / "meta" / "log"
        self.tmp = root / "tmp"
        self.downloads = self.tmp / DOWNLOADS
        self.lock = root / "write.lock"

    def make_folders(self) -> None:
        """Create the missing folders of the store: a copy may have only `data/` and `meta/`."""
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def catalog_file(self, snapshot: int) -> Path:
        return self.catalog / f"{snapshot:06d}.duckdb"

    def log_file(self, snapshot: int) -> Path:
        return self.log / f"{snapshot:06d}.parquet"

    def public_file(self, snapshot: int) -> Path:
        return self.public / f"{snapshot:06d}" / "market.duckdb"

    def is_store(self) -> bool:
        """Return whether a commit was ever made here."""
        return bool(self.snapshots(self.log) or self.snapshots(self.catalog))

    def is_empty_or_unfinished(self) -> bool:
        """Return whether the root is empty, or has only what an interrupted `create` leaves."""
        own = {name.partition("/")[0] for name in FOLDERS} | {self.lock.name, next_lock(self.lock).name}
        data = self.root / "data"
        return {entry.name for entry in self.root.iterdir()} <= own and not (data.is_dir() and any(data.iterdir()))

    def snapshots(self, folder: Path) -> list[int]:
        """Return the numbers of the snapshots that have a file or folder in `folder`, ascending."""
        if not folder.is_dir():
            return []
        names = {entry.name for entry in folder.iterdir()}
        numbers = {int(match[1]) for name in names if (match := _SNAPSHOT.match(name))}
        paths = {self.catalog: self.catalog_file, self.log: self.log_file}
        name_of = paths.get(folder, lambda number: self.public_file(number).parent)
        return sorted(number for number in numbers if name_of(number).name in names)

    def newest_snapshot(self) -> int:
        """Return the number of the newest private snapshot, or 0 without one."""
        return max(self.snapshots(self.catalog), default=0)

    def published_snapshot(self) -> int | None:
        """Return the number of the snapshot that `market.duckdb` points at, or None without one."""
        if not self.public_link.is_symlink() or not self.public_link.exists():
            return None
        match = _SNAPSHOT.match(self.public_link.readlink().parent.name)
        return int(match[1]) if match else None
