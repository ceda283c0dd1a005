"""A small store with every kind of file, and ways to damage it."""

from __future__ import annotations

import os
import random
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

import mtstore
from mtstore import Store
from mtstore.storage import checksum
from tests.kits.stores import answer, minute_bars, minutes, write

NOW = datetime(2024, 1, 31, tzinfo=UTC)
DATA, RETIRED, QUARANTINE, REVISIONS, LOG = "data", "retired", "quarantine", "revisions", "log"
PRIVATE, PUBLIC, DERIVED = "catalog", "public", "derived"
KINDS = (DATA, RETIRED, QUARANTINE, REVISIONS, LOG, PRIVATE, PUBLIC, DERIVED)


def fill(store: Store) -> None:
    """Write several partitions, retired files, quarantined rows, revisions, and coverage of every result."""
    with store.repository.writer("calendar") as writer:  # a calendar of one's own, as small as they come
        writer.record("calendars", {"calendar": "MINI", "timezone": "America/New_York"})
        for day in (2, 3):
            at = datetime(2024, 1, day, 14, 30, tzinfo=UTC)
            row = {"calendar": "MINI", "session_date": date(2024, 1, day), "open_ts": at}
            writer.record("sessions", {**row, "close_ts": at.replace(hour=21), "is_half_day": False})
        for ticker in ("A", "B", "C", "BTC/USD"):
            writer.record("ticker_settings", {"ticker": ticker, "calendar": "MINI", "updated_at": NOW})
    bad = minute_bars({3: 1.0}).append_column("reason", pa.array(["bad"])).append_column("origin", pa.array(["f:7"]))
    write(
        store,
        answer("A", {minute: minute / 7 for minute in range(300)}, minutes(0, 300)),
        answer("BTC/USD", {0: 1.0, 1: None}),
        answer("C", {}, minutes(0, 9), result="failed", reason="no luck"),
    )
    write(
        store,
        answer("A", {500: 1.0, 501: 2.0}, minutes(500, 600)),
        answer("B", dict.fromkeys(range(40), 2.0), minutes(0, 100)),
        answer("C", {}, minutes(0, 9), result="quarantined", quarantined=bad),
    )
    write(store, answer("B", {0: 3.0, 5: 4.0}, minutes(0, 20)))


def add_derived(store: Store) -> None:
    """Write a cached result, as a tensor does."""
    folder = store.path / "derived" / "0123456789abcdef"
    folder.mkdir(parents=True)
    np.save(folder / "values.npy", np.arange(64.0))
    checksum.write_manifest(folder, {"tickers": ["A", "B"]})


def make(path: Path) -> Path:
    """Create a store with every kind of file."""
    with mtstore.open(path, create=True) as store:
        fill(store)
        add_derived(store)
    return path


def files(root: Path) -> dict[str, list[Path]]:
    """Return the store's files by kind."""
    with mtstore.open(root) as store:
        retired = {path for (path,) in store.sql("SELECT path FROM core.retired_files").fetchall()}
    data = sorted((root / "data").rglob("*.parquet"))
    return {
        DATA: [path for path in data if str(path.relative_to(root)) not in retired],
        RETIRED: [root / path for path in sorted(retired)],
        QUARANTINE: sorted((root / "meta/quarantine").iterdir()),
        REVISIONS: sorted((root / "meta/revisions").iterdir()),
        LOG: sorted((root / "meta/log").iterdir()),
        PRIVATE: sorted((root / "catalog").iterdir()),
        PUBLIC: sorted((root / "public").rglob("market.duckdb")),
        DERIVED: sorted(path for path in (root / "derived").rglob("*") if path.is_file()),
    }


def flip(path: Path, chance: random.Random) -> tuple[int, int]:
    """Flip one bit of a file in place; return its byte and bit."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o644)
    at, bit = chance.randrange(path.stat().st_size), chance.randrange(8)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << bit)]))
    path.chmod(mode)
    return at, bit


def overwrite(path: Path, content: bytes) -> None:
    """Overwrite a file's content in place."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)


def everything(root: Path) -> dict[str, bytes]:
    """Return all bytes below a folder by path, without the lock file, which names its last holder."""
    return {
        str(path.relative_to(root)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if (path.is_file() or path.is_symlink()) and path.name != "write.lock"
    }
