"""Ingest files into a temporary store, to show what a mapping makes of them."""

from __future__ import annotations

import codecs
import tempfile
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from mtstore import sqlfiles
from mtstore.bars import is_daily
from mtstore.ingest.files.ingest_files import ingest_files
from mtstore.ingest.files.report import IngestResult
from mtstore.ingest.sniff.guess_zone import zone_of_ticker
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.mapping.zones import parse_mapping_zone
from mtstore.sources.custom.open_text import archive_members, is_text, open_text
from mtstore.storage.repository import Repository

if TYPE_CHECKING:
    from datetime import datetime

SHOWN_ROWS: Final = 3
MOST_BYTES: Final = 200_000_000
"""Of larger text files only the first lines are read."""
_HEAD_LINES: Final = 200_000
_HEADINGS: Final = ("ticker", "schema", "ts_event (UTC)", "local", "open", "high", "low", "close", "volume")


@dataclass(slots=True)
class Preview:
    """What was stored of some files.

    Attributes
    ----------
    files
        The files that were read.
    is_whole
        Whether they were read to their end.
    rows
        The first bars: ticker, schema, ts_event (UTC), local (its text in the mapping's zone) and values.
    result
        The counts, and the reasons for which rows or files were rejected.
    """

    files: Sequence[Path]
    is_whole: bool = True
    rows: list[dict[str, Any]] = field(default_factory=list)
    result: IngestResult = field(default_factory=IngestResult)

    def lines(self) -> list[str]:
        """Return the first bars as a table."""
        cells = [_HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(_HEADINGS))]
        return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


class TrialStore:
    """A store in a temporary folder, which exists as long as the block."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="mtstore-sniff-")
        self._store = Repository.open(Path(self._folder.name) / "store", create=True)
        self._count = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()
        self._folder.cleanup()

    def preview(self, files: Sequence[Path], mapping: ColumnMapping) -> Preview:
        """Ingest files and return what was stored of them."""
        self._count += 1
        source = f"sniff{self._count}"
        read = [self._head_of(path, mapping) if path.stat().st_size > MOST_BYTES else path for path in files]
        result = ingest_files(self._store, read, mapping=mapping, source=source)
        with self._store.connection() as connection:
            found = connection.execute(sqlfiles.load("sniff.first_bars"), {"source": source, "count": SHOWN_ROWS})
            names = [column[0] for column in found.description or ()]
            bars = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        rows = [bar | {"local": _local(bar, mapping)} for bar in bars]
        return Preview(files, read == list(files), rows, result)

    def _head_of(self, path: Path, mapping: ColumnMapping) -> Path:
        """Copy the first lines of a text file below the folder, under its path, of which a ticker may be part."""
        if not is_text(path) or archive_members(path):
            return path
        copy = Path(self._folder.name, "heads", *path.absolute().parts[1:])
        copy.parent.mkdir(parents=True, exist_ok=True)
        with open_text(path, None, replace(mapping, comment=None, footer_lines=0)) as lines, copy.open("wb") as target:
            target.write(codecs.BOM_UTF8)
            target.writelines(islice(lines, _HEAD_LINES))
        return copy


def _local(bar: dict[str, Any], mapping: ColumnMapping) -> str:
    moment: datetime = bar["ts_event"]
    if is_daily(bar["schema"]):
        return f"{moment.astimezone(zoneinfo.ZoneInfo(mapping.day_tz)):%Y-%m-%d} (a day)"
    zone = parse_mapping_zone(mapping.tz or zone_of_ticker(bar["ticker"])[0])
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    values = ("NULL" if row[name] is None else f"{row[name]:.10g}" for name in _HEADINGS[4:])
    return row["ticker"], row["schema"], f"{row['ts_event']:%Y-%m-%d %H:%M:%S}", row["local"], *values
