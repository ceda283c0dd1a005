"""Cached results: computed arrays in the store's folder `derived/`, which any process can memory-map.

A result's name is a digest of everything it was computed from. A result never changes: it is built elsewhere, renamed
into place, and read-only. It may be deleted at any time; processes that have mapped it keep it. Results that are cheap
to rebuild are not forced to disk: they count until the system restarts.
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
from mtstore.ranges import US_PER_DAY
from mtstore.storage import checksum
from mtstore.storage.commit.staging import staging_folder
from mtstore.storage.durable_io import fsync_file, fsync_folder, make_read_only

if TYPE_CHECKING:
    import duckdb

    from mtstore.query.cache.size_limit import SizeLimit
    from mtstore.storage.repository import Repository

FOLDER = "derived"
_log = logging.getLogger(__name__)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Results leave this much free: a share of a small disk, an amount of a large one.
_FREE_SHARE, _FREE_BYTES = 0.1, 5_000_000_000
# Sessions of dates, lookbacks of a bucket and weeks reach over the bounds of a range.
_MARGIN_US = 45 * US_PER_DAY


@dataclass(frozen=True, slots=True)
class CachedResult:
    """One result under `derived/`.

    Attributes
    ----------
    is_good
        False once the system has restarted since a result was written that was not forced to disk.
    """

    path: Path
    tickers: tuple[str, ...]
    byte_size: int
    made_at: datetime
    used_at: datetime
    is_good: bool = True


def derived_folder(store: Repository) -> Path:
    return store.path / FOLDER


def cache_key(connection: duckdb.DuckDBPyConnection, request: AlignRequest, inputs: Mapping[str, Any]) -> str:
    """Return a result's name: a digest of the request, other inputs, the input files' content and the SQL itself."""
    start_us, end_us = request.bounds.covering_us()
    parameters: dict[str, Any] = request.common_parameters() | {"lookback": request.lookback}
    lookback_us = (request.lookback or timedelta(0)) // timedelta(microseconds=1)
    parameters["first_us"] = None if start_us is None else start_us - lookback_us - _MARGIN_US
    parameters["last_us"] = None if end_us is None else end_us + _MARGIN_US
    files = connection.execute(sqlfiles.load("cache.result_inputs"), parameters).fetchall()
    text = json.dumps([repr(request), dict(inputs), files, _sql_digest()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def find_result(store: Repository, key: str) -> Path | None:
    """Return a result's folder and record its use; None if there is none that is good."""
    folder = derived_folder(store) / key
    manifest = _read_manifest(folder)
    if manifest is None or not _is_good(manifest):
        return None
    _record_use(folder)
    return folder


def find_or_build(store: Repository, key: str, tickers: Iterable[str], build: Callable[[Path], None]) -> Path:
    """Return a result's folder; `build` fills a new one if there is none. Concurrent builders end up with one."""
    found = find_result(store, key)
    if found is None:
        with staging_folder(store.layout) as staging:
            folder = staging / key
            folder.mkdir()
            build(folder)
            found = store_result(store, folder, tickers)
    return found


def store_result(store: Repository, folder: Path, tickers: Iterable[str], *, is_durable: bool = True) -> Path:
    """Publish a filled folder, named by its key, as a result and return its place.

    Unless `is_durable`, nothing waits for the disk, and the result counts until the system restarts.
    """
    boot = None if is_durable else _boot()
    manifest = {"tickers": list(tickers), "made_at": datetime.now(UTC).isoformat(), "boot": boot}
    checksum.write_manifest(folder, manifest)
    for path in folder.iterdir():
        if not boot:
            fsync_file(path)
        make_read_only(path)
    if not boot:
        fsync_folder(folder)
    target = derived_folder(store) / folder.name
    target.parent.mkdir(exist_ok=True)
    if target.is_dir() and find_result(store, folder.name) is None:  # from before a restart
        shutil.rmtree(target, ignore_errors=True)
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster
            raise
    if not boot:
        fsync_folder(target.parent)
    _record_use(target)
    return target


def check_free_space(path: Path) -> None:
    """Raise OSError if less than a tenth of the disk and less than 5 GB are free."""
    usage = shutil.disk_usage(path)
    if usage.free < min(usage.total * _FREE_SHARE, _FREE_BYTES):
        raise OSError(f"only {usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free")


def cached_results(store: Repository) -> list[CachedResult]:
    """Return all results, the least recently used first."""
    found = []
    for path in derived_folder(store).glob("*"):
        with suppress(FileNotFoundError):  # deleted while it is listed
            manifest = _read_manifest(path)
            if manifest is not None:
                size = sum(part.stat().st_size for part in path.iterdir())
                used_at = datetime.fromtimestamp((path / checksum.MANIFEST).stat().st_mtime, UTC)
                made_at = datetime.fromisoformat(manifest["made_at"])
                found.append(CachedResult(path, tuple(manifest["tickers"]), size, made_at, used_at, _is_good(manifest)))
    return sorted(found, key=lambda result: result.used_at)


def enforce_limit(store: Repository, limit: SizeLimit) -> int:
    """Delete results that nothing has used for too long, then the least recently used; return the freed bytes."""
    found = cached_results(store)
    left, freed = sum(result.byte_size for result in found), 0
    now = datetime.now(UTC)
    for result in found:
        is_old = limit.ttl_seconds is not None and (now - result.used_at).total_seconds() > limit.ttl_seconds
        if is_old or not result.is_good or left > limit.max_bytes:
            delete_result(result)
            left -= result.byte_size
            freed += result.byte_size
    return freed


def delete_result(result: CachedResult) -> None:
    shutil.rmtree(result.path, ignore_errors=True)


def delete_damaged(folder: Path, error: Exception) -> None:
    """Delete a damaged result and log it; the caller rebuilds it."""
    _log.warning("%s: a cached result is damaged and is rebuilt: %s", folder, error)
    shutil.rmtree(folder, ignore_errors=True)


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((folder / checksum.MANIFEST).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        delete_damaged(folder, error)
        return None
    return manifest


def _is_good(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("boot") in {None, _boot()}


def _record_use(folder: Path) -> None:
    with suppress(PermissionError):  # a process with read access alone leaves no trace
        os.utime(folder / checksum.MANIFEST)


@functools.cache
def _boot() -> str | None:
    """Return the id of this run of the system; None where there is none."""
    try:
        return _BOOT.read_text().strip()
    except FileNotFoundError:
        return None


@functools.cache
def _sql_digest() -> str:
    digest = hashlib.sha256()
    root = sqlfiles.sql_root()
    for path in sorted(part for folder in ("macros", "parts", "queries") for part in (root / folder).rglob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
