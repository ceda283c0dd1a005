"""Looking for a vendor's key in everything that a load leaves: tables, files and what is in them, logs, output."""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as pq

from tests.kits.stores import core_tables


def assert_in_no_table_or_file(key, store):
    """Not in the tables, not in a file's bytes, not in what parquet files hold compressed."""
    assert key not in repr(core_tables(store))
    files = [path for path in store.path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if key.encode() in path.read_bytes()] == []
    for path in files:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as content:
                assert key not in repr([content.metadata.metadata, content.read().to_pydict()]), path


def _with_parts(path):
    """A path and, of a folder, what lies in it, as far as that can be told before it is gone."""
    parts = [path]
    with suppress(OSError):
        parts.extend(path.rglob("*"))
    return parts


@contextmanager
def watched(key, store):
    """Look again and again into the files that come and go while the block runs; none may hold the key."""
    places = [store.path / "tmp", Path(tempfile.gettempdir())]
    earlier = set(places[1].iterdir())
    leaks, seen = [], set()
    is_over = threading.Event()

    def look():
        while not is_over.wait(0.001):
            found = [path for place in places for path in place.iterdir() if path not in earlier]
            for path in [part for one in found for part in _with_parts(one)]:
                with suppress(OSError):  # gone since, or a folder
                    content = path.read_bytes()
                    seen.add(path)
                    leaks.extend([path] if key.encode() in content else [])

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
    assert leaks == []
    assert seen, "there was nothing to look into"
