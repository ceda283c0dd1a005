"""Derived results: arrays that were computed once and lie in the store's folder `derived/`, for any process to map.

An entry's name is a digest of all it was made from, so that it is never wrong and never changed: made under another
name, renamed, read-only. Anything here may be deleted at any time; who has mapped it keeps it. What is not worth the
wait is not forced to disk: such an entry counts for as long as the system runs that made it, and is remade afterwards.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.query.request.request import AlignRequest
from mtstore.storage import checksum
from mtstore.storage.commit.staging import staging_folder
from mtstore.storage.durable_io import fsync_file, fsync_folder, make_read_only

if TYPE_CHECKING:
    import duckdb

    from mtstore.storage.repository import Repository

FOLDER = "derived"
_log = logging.getLogger(__name__)
_FACTS = checksum.MANIFEST
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# What results must leave free: a share of a small disk, an amount of a large one.
_FREE_SHARE, _FREE_BYTES = 0.1, 5_000_000_000
# Sessions of dates, look-backs of a bucket and weeks reach over the bounds of a range.
_MARGIN_US = 45 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class CachedResult:
    """One derived result.

    Attributes
    ----------
    used_at
        When it was last used.
    is_good
        Whether it can be relied on: false once the system that did not force it to disk has been started anew.
    """

    path: Path
    tickers: tuple[str, ...]
    byte_size: int
    made_at: datetime
    used_at: datetime
    is_good: bool = True


def derived_folder(store: Repository) -> Path:
    """Where derived results lie."""
    return store.path / FOLDER


def cache_key(connection: duckdb.DuckDBPyConnection, call: AlignRequest, parameters: Mapping[str, Any]) -> str:
    """The name of a result: a digest of the call, other parameters, the input files' content and the SQL itself."""
    start_us, end_us = call.bounds.covering_us()
    asked: dict[str, Any] = call.series_parameters() | {"adjust": call.adjust}
    looked_back_us = (call.lookback or timedelta(0)) // timedelta(microseconds=1)
    asked["first_us"] = None if start_us is None else start_us - looked_back_us - _MARGIN_US
    asked["last_us"] = None if end_us is None else end_us + _MARGIN_US
    inputs = connection.execute(sqlfiles.load("cache.result_inputs"), asked).fetchall()
    text = json.dumps([repr(call), dict(parameters), inputs, _sql_digest()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def find_result(store: Repository, key: str) -> Path | None:
    """The folder of a result, noted as used now; None if there is none that can be relied on."""
    folder = derived_folder(store) / key
    facts = _facts(folder)
    if facts is None or not _is_good(facts):
        return None
    _record_use(folder)
    return folder


def find_or_build(store: Repository, key: str, tickers: Iterable[str], make: Callable[[Path], None]) -> Path:
    """The folder of a result; `make` fills it if there is none yet. Two who make it at once end up with one."""
    found = find_result(store, key)
    if found is None:
        with staging_folder(store.layout) as staging:
            made = staging / key
            made.mkdir()
            make(made)
            found = store_result(store, made, tickers)
    return found


def store_result(store: Repository, made: Path, tickers: Iterable[str], *, is_durable: bool = True) -> Path:
    """Make a filled folder, named by its key, a result for everybody; gives its place.

    Where `is_durable` is false, nothing waits for the disk, and the result counts until the system is started anew.
    """
    boot = None if is_durable else _boot()
    facts = {"tickers": list(tickers), "made_at": datetime.now(UTC).isoformat(), "boot": boot}
    checksum.write_manifest(made, facts)
    for path in made.iterdir():
        if not boot:
            fsync_file(path)
        make_read_only(path)
    if not boot:
        fsync_folder(made)
    target = derived_folder(store) / made.name
    target.parent.mkdir(exist_ok=True)
    if target.is_dir() and find_result(store, made.name) is None:  # of another run of the system
        shutil.rmtree(target, ignore_errors=True)
    _rename(made, target)
    if not boot:
        fsync_folder(target.parent)
    _record_use(target)
    return target


def check_free_space(path: Path) -> None:
    """Refuse to put derived results onto a disk that is nearly full.

    Raises
    ------
    OSError
        Less than a tenth of it and less than 5 GB are free.
    """
    usage = shutil.disk_usage(path)
    if usage.free < min(usage.total * _FREE_SHARE, _FREE_BYTES):
        raise OSError(f"only {usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free")


def cached_results(store: Repository) -> list[CachedResult]:
    """All derived results, the one that was used longest ago first."""
    found = []
    for path in derived_folder(store).glob("*"):
        with suppress(FileNotFoundError):  # somebody deletes it just now
            facts = _facts(path)
            if facts is not None:
                size = sum(part.stat().st_size for part in path.iterdir())
                used_at = datetime.fromtimestamp((path / _FACTS).stat().st_mtime, UTC)
                made_at = datetime.fromisoformat(facts["made_at"])
                found.append(CachedResult(path, tuple(facts["tickers"]), size, made_at, used_at, _is_good(facts)))
    return sorted(found, key=lambda entry: entry.used_at)


def enforce_limit(store: Repository, max_bytes: int, ttl_seconds: float | None) -> int:
    """Delete what nobody has used for `ttl_seconds`, then what was used longest ago, until all weigh `max_bytes`.

    Gives the bytes that were freed.
    """
    found = cached_results(store)
    left, freed = sum(entry.byte_size for entry in found), 0
    now = datetime.now(UTC)
    for entry in found:
        is_old = ttl_seconds is not None and (now - entry.used_at).total_seconds() > ttl_seconds
        if is_old or not entry.is_good or left > max_bytes:
            delete_result(entry)
            left -= entry.byte_size
            freed += entry.byte_size
    return freed


def delete_result(entry: CachedResult) -> None:
    """Delete a result; gone at once for those who look, kept by those who have mapped it."""
    shutil.rmtree(entry.path, ignore_errors=True)


def delete_damaged(folder: Path, error: Exception) -> None:
    """Delete a result that turned out to be damaged; the log says so. Whoever found it makes it anew."""
    _log.warning("%s: a derived result is damaged and is made anew: %s", folder, error)
    shutil.rmtree(folder, ignore_errors=True)


def _rename(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():  # else somebody else was faster
            raise


def _facts(folder: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        delete_damaged(folder, error)
        return None
    return facts


def _is_good(facts: Mapping[str, Any]) -> bool:
    return facts.get("boot") in {None, _boot()}


def _record_use(folder: Path) -> None:
    with suppress(PermissionError):  # who may only read leaves no trace of it
        os.utime(folder / _FACTS)


@functools.cache
def _boot() -> str | None:
    """What tells one run of the system from the next; None where it does not say."""
    try:
        return _BOOT.read_text().strip()
    except FileNotFoundError:
        return None


@functools.cache
def _sql_digest() -> str:
    """A digest of the SQL that gives results their meaning."""
    digest = hashlib.sha256()
    root = sqlfiles.sql_root()
    for path in sorted(part for folder in ("macros", "parts", "queries") for part in (root / folder).rglob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
