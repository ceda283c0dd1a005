"""A small store made by hand for each test: parquet files in the store's layout and a published database over them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mtstore.bars import arrow_schema, is_daily
from mtstore.calendars import calendar_tables
from mtstore.infer_calendar import infer_calendar
from mtstore.storage.commit import replay
from mtstore.storage.layout import encode_ticker
from mtstore.storage.views.create_views import create_views
from tests.kits.faulty_market import World, worlds

SEEN_AT = datetime(2024, 1, 1, tzinfo=UTC)
LAST_SESSION = date(2025, 12, 31)


@dataclass
class Market:
    """What will be stored: every method adds to it, `publish` writes the database file."""

    root: Path
    files: list[dict[str, Any]] = field(default_factory=list)
    tickers: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    dividends: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[pa.Table] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def add_bars(
        self,
        ticker: str,
        rows: pa.Table | Sequence[tuple[Any, ...]],
        *,
        schema: str = "ohlcv-1m",
        source: str = "polygon",
        day_tz: str = "UTC",
        files_per_year: int = 1,
    ) -> None:
        """Store bars; rows are (ts_event text or datetime, open, high, low, close, volume, vwap, transactions)."""
        table = rows if isinstance(rows, pa.Table) else self.table(rows)
        years = pc.year(table.column("ts_event"))
        for year in [None] if is_daily(schema) else sorted(set(years.to_pylist())):
            part = table if year is None else table.filter(pc.equal(years, year))
            size = -(-part.num_rows // files_per_year)
            for start in range(0, part.num_rows, max(size, 1)):
                self._write(ticker, part.slice(start, size), schema=schema, source=source, year=year, day_tz=day_tz)

    @staticmethod
    def table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
        """Rows as bars; a text without an offset is UTC."""
        padded = [(*row, *(None,) * (8 - len(row))) for row in rows]
        columns = list(zip(*padded, strict=True)) or [()] * 8
        instants = [
            datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
            for value in columns[0]
        ]
        return pa.table([instants, *map(list, columns[1:])], schema=arrow_schema()).sort_by("ts_event")

    def _write(self, ticker: str, bars: pa.Table, *, schema: str, source: str, year: int | None, day_tz: str) -> None:
        folder = f"data/schema={schema}/source={source}/ticker={encode_ticker(ticker)}"
        folder += "" if year is None else f"/year={year}"
        file_id = hashlib.sha256(f"{folder}{len(self.files)}".encode()).hexdigest()[:16]
        path = self.root / folder / f"{file_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(bars, path, compression="zstd", row_group_size=10_000)
        instants = bars.column("ts_event").to_pylist()
        self.files.append(
            {
                "file_id": file_id,
                "path": str(path.relative_to(self.root)),
                "schema": schema,
                "source": source,
                "ticker": ticker,
                "year": year,
                "row_count": bars.num_rows,
                "byte_size": path.stat().st_size,
                "ts_min": instants[0],
                "ts_max": instants[-1],
                "day_tz": day_tz,
                "content_id": file_id,
                "written_at": SEEN_AT,
                "generation": 1,
            }
        )

    def configure(self, ticker: str, **settings: Any) -> None:
        """Configure a ticker: any column of core.ticker_settings."""
        self.tickers.append({"ticker": ticker, "updated_at": SEEN_AT} | settings)

    def add_source(self, source: str, provider: str, dataset: str | None = None) -> None:
        self.sources.append({"source": source, "provider": provider, "dataset": dataset})

    def add_split(self, ticker: str, day: str, split_from: float, split_to: float) -> None:
        self.splits.append(
            {
                "ticker": ticker,
                "execution_date": date.fromisoformat(day),
                "split_from": split_from,
                "split_to": split_to,
                "source": "polygon",
                "seen_at": SEEN_AT,
            }
        )

    def add_dividend(self, ticker: str, day: str, cash: float) -> None:
        self.dividends.append(
            {
                "ticker": ticker,
                "ex_dividend_date": date.fromisoformat(day),
                "cash_amount": cash,
                "currency": "USD",
                "dividend_type": "CD",
                "source": "polygon",
                "seen_at": SEEN_AT,
            }
        )

    def add_answer(
        self,
        ticker: str,
        start: str,
        end: str,
        result: str,
        *,
        reason: str | None = None,
        schema: str = "ohlcv-1m",
        at: datetime = SEEN_AT,
    ) -> None:
        """A row of the coverage ledger for [start, end), text in UTC."""
        bounds = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)]
        self.ledger.append(
            {
                "source": "polygon",
                "schema": schema,
                "tickers": [ticker],
                "ranges": [{"start_ts": bounds[0], "end_ts": bounds[1]}],
                "result": result,
                "reason": reason,
                "fetched_at": at,
                "generation": len(self.ledger) + 1,
            }
        )

    def publish(self) -> Path:
        """Write the database file as a store does, and give back its path."""
        wanted = {row["calendar"] for row in self.tickers if row.get("calendar")}
        wanted |= {infer_calendar(row["ticker"], "polygon") for row in [*self.files, *self.tickers]}
        path = self.root / f"market-{len(list(self.root.glob('market-*.duckdb')))}.duckdb"
        # As in a store, a generation starts as a copy of the one before it.
        path.write_bytes(_empty_generation(frozenset(wanted | {"XNYS"})))
        connection = duckdb.connect()
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH '{path}' AS market; USE market")
        connection.begin()
        for table, rows in {
            "files": self.files,
            "ticker_settings": self.tickers,
            "sources": self.sources,
            "splits": self.splits,
            "dividends": self.dividends,
            "coverage_ledger": self.ledger,
        }.items():
            for row in rows:
                names = ", ".join(row)
                values = ", ".join(f"${name}" for name in row)
                connection.execute(f"INSERT INTO core.{table} ({names}) VALUES ({values})", row)
        replay.refresh_derived_tables(connection, infer_calendar)
        create_views(connection, self.root, settings=self.settings, quarantine_files=list(self._quarantine_files()))
        connection.commit()
        connection.execute("USE memory; DETACH market")
        connection.close()
        return path

    def _quarantine_files(self) -> Iterator[str]:
        for number, table in enumerate(self.quarantine):
            name = f"quarantine-{number}.parquet"
            pq.write_table(table, self.root / name)
            yield name

    @contextmanager
    def open(self, **config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        """Publish, and read as an analyst does: attached read-only from a connection of one's own."""
        path = self.publish()
        connection = duckdb.connect(config=config)
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH '{path}' AS market (READ_ONLY); USE market")
        yield connection
        connection.close()


@cache
def _empty_generation(calendars: frozenset[str]) -> bytes:
    """A database file with tables, calendars and objects, over no bars."""
    zones, sessions = calendar_tables(calendars, last=LAST_SESSION)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{path}' AS market (STORAGE_VERSION 'v1.0.0'); USE market")
        connection.begin()
        replay.create_tables(connection)
        connection.register("zones", zones)
        connection.register("session_rows", sessions)
        connection.execute("INSERT INTO core.calendars BY NAME FROM zones; INSERT INTO core.sessions FROM session_rows")
        connection.unregister("zones")
        connection.unregister("session_rows")
        replay.refresh_derived_tables(connection, infer_calendar)
        create_views(connection, Path(folder))
        connection.commit()
        connection.execute("USE memory; DETACH market")
        connection.close()
        return path.read_bytes()


@pytest.fixture
def market(tmp_path: Path) -> Market:
    """An empty market of one's own."""
    return Market(tmp_path)


@pytest.fixture(scope="session")
def new_market(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Market]:
    """Makes empty markets, for fixtures of a wider scope."""
    return lambda: Market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def world(new_market: Callable[[], Market]) -> Iterator[World]:
    """Twenty tickers over three months, with faults."""
    yield from worlds(new_market())
