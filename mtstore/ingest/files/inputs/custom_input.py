"""Custom parquet and CSV files, and frames in memory, as inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, cast

from mtstore.bars import SourceBinding
from mtstore.bounds import parse_bounds
from mtstore.errors import InputError
from mtstore.ingest.files.inputs.input_file import Input, RejectedRow
from mtstore.ranges import TimeRange
from mtstore.sources.custom.mapping.column_mapping import ColumnMapping
from mtstore.sources.custom.read_file import CustomFile, CustomFormat, read_table, table_columns
from mtstore.storage.layout import check_source_name

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.bounds import BoundLike
    from mtstore.sources.custom.convert_rows import Converted, RejectedLine

    Covers: TypeAlias = TimeRange | tuple[BoundLike, BoundLike] | Literal["auto"]

DEFAULT_SOURCE = "own"
_PROVIDER = "own"


@dataclass(slots=True, kw_only=True)
class CustomInput(Input):
    """One custom file or frame; it covers its `span`, and without one the time of each ticker's rows.

    Attributes
    ----------
    mapping
        How its columns are read.
    file
        The file; None for a frame.
    table
        The frame (a pyarrow Table or a pandas DataFrame); None for a file.
    futures
        The store's tickers on calendars of futures venues: their prices may be zero or negative.
    absent
        The columns that it does not have, which the rules for bars do not check.
    has_naive_times
        Whether rows that were read had times without a zone, which the mapping's zone made instants.
    """

    is_custom: ClassVar[bool] = True

    mapping: ColumnMapping
    file: CustomFile | None = None
    table: Any = None
    futures: frozenset[str] = frozenset()
    absent: tuple[str, ...] = ()
    has_naive_times: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        sha256: str,
        file_format: CustomFormat,
        *,
        mapping: ColumnMapping,
        source: str | None,
        covers: Covers | None,
    ) -> Self:
        """Read a file's column names; see `CustomFile` for errors."""
        file = CustomFile(path, mapping, file_format)
        return cls._create(path, sha256, file.mapping, source, covers, file=file)

    @classmethod
    def of_frame(
        cls, table: Any, *, name: str, mapping: ColumnMapping, source: str | None, covers: Covers | None
    ) -> Self:
        """Take a pyarrow Table or a pandas DataFrame; the digest is that of its rows."""
        digest = hashlib.sha256()
        for found in read_table(table, mapping, name=name):
            for column in found.batch.columns:
                digest.update(repr(column.to_pylist()).encode())
            digest.update(repr(found.rejected).encode() if found.rejected else b"")
        return cls._create(Path(name), digest.hexdigest(), mapping, source, covers, table=table)

    @classmethod
    def _create(
        cls,
        path: Path,
        sha256: str,
        mapping: ColumnMapping,
        source: str | None,
        covers: Covers | None,
        *,
        file: CustomFile | None = None,
        table: Any = None,
    ) -> Self:
        columns = file.columns if file is not None else table_columns(table, mapping)
        name = DEFAULT_SOURCE if source is None else check_source_name(source)
        span = None if covers is None or covers == "auto" else _resolve(covers, _zone_of(table, mapping))
        return cls(
            path=path,
            sha256=sha256,
            schema=mapping.schema,
            binding=SourceBinding(name, _PROVIDER),
            span=span,
            withdraws=covers is not None,
            allows_own_grid=True,
            allows_missing_volume=mapping.volume == "optional",
            day_tz=mapping.day_tz,
            allows_rows_outside=True,
            mapping=mapping,
            file=file,
            table=table,
            absent=tuple(ours for ours in ("volume", "publisher_id") if ours not in columns),
        )

    @property
    def coverage(self) -> str:
        """What the input counts as covering, in words."""
        where = (
            "the range of 'covers'" if self.span is not None else "the time from the first bar to the end of the last"
        )
        rest = "what was stored there besides is withdrawn" if self.withdraws else "nothing was withdrawn"
        return f"each ticker is covered in {where}; {rest}"

    @property
    def batch_key(self) -> tuple[object, ...]:
        return (self.mapping, self.absent)

    @property
    def byte_size(self) -> int:
        return 0 if self.file is None else self.path.stat().st_size

    def covered_ranges(self, ticker: str, *, has_rows: bool, is_named: bool) -> tuple[TimeRange, ...]:
        is_covered = has_rows or is_named or ticker in self.named_tickers()
        return (self.span,) if self.span is not None and is_covered else ()

    def allows_negative(self, ticker: str) -> bool:
        return ticker in self.futures

    def named_tickers(self) -> Collection[str]:
        named = () if self.mapping.ticker is None else (self.mapping.ticker,)
        return named if self.file is None else self.file.tickers

    def request(self) -> Mapping[str, object]:
        covers = None if self.span is None else [self.span.start_us, self.span.end_us]
        found: dict[str, object] = {
            "format": "frame" if self.file is None else self.file.format,
            "mapping": self.mapping.to_request(),
            "covers": "auto" if covers is None and self.withdraws else covers,
        }
        # The same bytes under another name are other bars.
        if self.file is not None and self.mapping.ticker_from is not None:
            found["name"] = self.file.name_facts
        return found

    @classmethod
    def read(
        cls, batch: Sequence[Input], places: Sequence[int], tickers: Collection[str] | None
    ) -> Iterator[tuple[pa.Table, list[RejectedRow]]]:
        import pyarrow as pa

        for place in places:
            one = cast("CustomInput", batch[place])
            for found in one._converted(tickers):
                one.has_naive_times |= found.has_naive_times
                rows = pa.table(found.batch)
                stamps = rows["ts_event"].cast(pa.int64())
                rows = rows.set_column(rows.column_names.index("ts_event"), "ts_us", stamps)
                rows = rows.append_column("file_index", pa.repeat(pa.scalar(place, pa.int32()), rows.num_rows))
                yield rows.drop_columns(one.absent), [one._rejected(place, line) for line in found.rejected]

    def _converted(self, tickers: Collection[str] | None) -> Iterator[Converted]:
        if self.file is not None:
            return self.file.read(tickers)
        return read_table(self.table, self.mapping, name=str(self.path), tickers=tickers)

    def _rejected(self, place: int, line: RejectedLine) -> RejectedRow:
        return RejectedRow(place, f"{self.path}:{line.line}", line.reason, line.ticker)

    def locate(self, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return {} if self.file is None else self.file.locate(rows)


def check_covers(covers: Any) -> Covers | None:
    """Return `covers` as given, if it has a valid form; its dates are days of a zone that each file has.

    Raises
    ------
    InputError
        It is not `auto`, a range, or two bounds. RangeError: a bound cannot be read.
    """
    if covers is None or covers == "auto" or isinstance(covers, TimeRange):
        return cast("Covers | None", covers)
    if not isinstance(covers, tuple | list) or len(covers) != 2:
        raise InputError(
            f"covers: was {covers!r}; use 'auto', or two dates or instants, like ('2023-01-01', '2023-12-31')"
        )
    parse_bounds(*covers).as_days_us()
    return covers[0], covers[1]


def _resolve(covers: TimeRange | tuple[BoundLike, BoundLike], tz: str) -> TimeRange:
    return covers if isinstance(covers, TimeRange) else TimeRange(*parse_bounds(*covers, tz=tz).as_days_us())


def _zone_of(table: Any, mapping: ColumnMapping) -> str:
    """Return the zone whose days dates are: the mapping's, or that of a frame's times."""
    from mtstore.bounds import zone_names

    zone = None
    if mapping.tz is None and table is not None:
        name = mapping.theirs("ts_event")
        if hasattr(table, "schema"):
            zone = table.schema.field(name).type.tz if name in table.schema.names else None
        else:
            zone = getattr((table[name] if name in table.columns else table.index).dtype, "tz", None)
    return str(zone) if str(zone) in zone_names() else mapping.day_tz


def complete_mapping(
    mapping: ColumnMapping | None, what: str, *, schema: str | None, ticker: str | None = None, tz: str | None = None
) -> ColumnMapping:
    """Return the mapping with what is given beside it; without one, columns have mtstore's own names.

    Raises
    ------
    InputError
        Neither a mapping nor a schema is given, or a value is given that differs from the mapping's.
    """
    given = {"schema": schema, "ticker": ticker, "tz": tz}
    beside: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if mapping is None:
        if schema is None:
            raise InputError(
                f"{what}: custom data need a mapping (mapping=…, --map FILE; `mtstore sniff` proposes one), or "
                "at least a schema (schema='ohlcv-1m', --schema ohlcv-1m) where the columns are called ticker, "
                "ts_event, open, high, low, close, volume"
            )
        return ColumnMapping(**beside)
    for name, value in beside.items():
        stated = getattr(mapping, name)
        if value != stated and stated not in {None, ""}:
            raise InputError(f"{what}: {name}: was {value!r}, but the mapping has {stated!r}; give only one")
    return replace(mapping, **beside)
