"""Search for a vendor's key in everything that a load leaves: tables, files and their content, logs, output."""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as pq

from tests.kits.stores import core_tables


def assert_in_no_table_or_file(key, store):
    """Check that the key is not in tables, in a file's bytes, or in compressed parquet pages."""
    assert key not in repr(core_tables(store))
    files = [path for path in store.path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if key.encode() in path.read_bytes()] == []
    for path in files:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as content:
                assert key not in repr([content.metadata.metadata, content.read().to_pydict()]), path


def _with_parts(path):
    """Return a path and a folder's content, as far as they exist while being read."""
    parts = [path]
    with suppress(OSError):
        parts.extend(path.rglob("*"))
    return parts


@contextmanager
def watched(key, store):
    """Read the files that come and go while the block runs, repeatedly; none may contain the key."""
    private = Path(tempfile.mkdtemp())
    places = [store.path / "tmp", private]
    leaks, seen = [], set()
    is_over = threading.Event()

    def look():
        while not is_over.wait(0.001):
            found = [path for place in places for path in place.iterdir()]
            for path in [part for one in found for part in _with_parts(one)]:
                with suppress(OSError):  # gone since, or a folder
                    content = path.read_bytes()
                    seen.add(path)
                    leaks.extend([path] if key.encode() in content else [])

    watcher = threading.Thread(target=look)
    watcher.start()
    before, tempfile.tempdir = tempfile.tempdir, str(private)  # other processes write to the common one
    try:
        yield
    finally:
        tempfile.tempdir = before
        is_over.set()
        watcher.join()
        shutil.rmtree(private)
    assert leaks == []
    assert seen, "there was nothing to look into"
