"""Derived results: arrays that were computed once and lie in the store's folder `derived/`, for any process to map.

An entry's name is a digest of all it was made from, so that it is never wrong and never changed: made under another
name, forced to disk, renamed, read-only. Anything here may be deleted at any time; who has mapped it keeps it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.calls import AlignCall
from mtstore.store import seal
from mtstore.store.durable import fsync_file, fsync_folder, make_read_only
from mtstore.store.staging import staging_folder

if TYPE_CHECKING:
    import duckdb

    from mtstore.store.repository import Repository

FOLDER = "derived"
_FACTS = seal.MANIFEST
# Sessions of dates, look-backs of a bucket and weeks reach over the bounds of a range.
_MARGIN_US = 45 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One derived result: where it lies, for which tickers, how big it is, and when it was last used."""

    path: Path
    tickers: tuple[str, ...]
    byte_size: int
    used_at: datetime


def derived_folder(store: Repository) -> Path:
    """Where derived results lie."""
    return store.path / FOLDER


def key_of(connection: duckdb.DuckDBPyConnection, call: AlignCall, parameters: Mapping[str, Any]) -> str:
    """The name of a result: a digest of the call, other parameters, the input files' content and the SQL itself."""
    start_us, end_us = call.bounds.covering_us()
    asked: dict[str, Any] = call.series_parameters() | {"adjust": call.adjust}
    looked_back_us = (call.lookback or timedelta(0)) // timedelta(microseconds=1)
    asked["first_us"] = None if start_us is None else start_us - looked_back_us - _MARGIN_US
    asked["last_us"] = None if end_us is None else end_us + _MARGIN_US
    inputs = connection.execute(sqlfiles.load("queries/derived_inputs"), asked).fetchall()
    text = json.dumps([repr(call), dict(parameters), inputs, _sql_digest()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def find_or_make(store: Repository, key: str, tickers: Iterable[str], make: Callable[[Path], None]) -> Path:
    """The folder of a result; `make` fills it if there is none yet. Two who make it at once end up with one."""
    target = derived_folder(store) / key
    if not target.is_dir():
        with staging_folder(store.layout) as staging:
            made = staging / key
            made.mkdir()
            make(made)
            seal.write_manifest(made, {"tickers": list(tickers)})
            for path in made.iterdir():
                fsync_file(path)
                make_read_only(path)
            fsync_folder(made)
            target.parent.mkdir(exist_ok=True)
            _rename(made, target)
    os.utime(target / _FACTS)
    return target


def entries(store: Repository) -> list[Entry]:
    """All derived results, the one that was used longest ago first."""
    found = []
    for path in derived_folder(store).glob("*"):
        facts = path / _FACTS
        if facts.is_file():
            size = sum(part.stat().st_size for part in path.iterdir())
            used_at = datetime.fromtimestamp(facts.stat().st_mtime, UTC)
            found.append(Entry(path, tuple(json.loads(facts.read_text())["tickers"]), size, used_at))
    return sorted(found, key=lambda entry: entry.used_at)


def remove(entry: Entry) -> None:
    """Delete a result; gone at once for those who look, kept by those who have mapped it."""
    shutil.rmtree(entry.path, ignore_errors=True)


def _rename(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():  # else somebody else was faster
            raise
    fsync_folder(target.parent)


@functools.cache
def _sql_digest() -> str:
    """A digest of the SQL that gives results their meaning."""
    digest = hashlib.sha256()
    root = sqlfiles.sql_root()
    for path in sorted(part for folder in ("macros", "parts", "queries") for part in (root / folder).glob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
