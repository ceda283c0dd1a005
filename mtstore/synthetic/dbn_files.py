"""The synthetic market as Databento DBN files: metadata with symbol mappings, then OHLCV records in order of time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mtstore.bars import BAR_SCHEMAS, is_daily
from mtstore.errors import InputError, UnsupportedSchemaError
from mtstore.ranges import US_PER_DAY, US_PER_SECOND, TimeRange
from mtstore.synthetic.dbn_options import DbnOptions

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.synthetic.market import SyntheticMarket

_CENTS_TO_FIXED = 10_000_000  # DBN prices count 1e-9
_NS_PER_US = 1_000
_MAIN_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class _Interval:
    """A half-open range of UTC dates; databento_dbn reads the attributes."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True, slots=True)
class _Mapping:
    raw_symbol: str
    intervals: list[_Interval]


def write_dbn(
    market: SyntheticMarket,
    path: Path | str,
    start: BoundLike,
    end: BoundLike,
    schema: str = "ohlcv-1m",
    *,
    tickers: Sequence[str] | None = None,
    options: DbnOptions | None = None,
) -> Path:
    """Write one DBN file; compressed with zstd if its name ends in `.zst`.

    Parameters
    ----------
    path
        The file; its folder is created.
    start, end
        Instants, half-open; or dates: UTC days, both included.
    schema
        `ohlcv-1s`, `ohlcv-1m`, `ohlcv-1h` or `ohlcv-1d` (UTC days).

    Notes
    -----
    Memory holds one month of all the tickers.
    """
    if schema not in BAR_SCHEMAS:
        raise UnsupportedSchemaError(f"schema: was {schema!r}; DBN has {', '.join(BAR_SCHEMAS)}")
    path = Path(path)
    options = options or DbnOptions()
    names = tuple(market.tickers if tickers is None else tickers)
    span = market.range_us(start, end, day_tz="UTC")
    mappings = [_Mapping(name, _intervals(name, index, len(names), span, options)) for index, name in enumerate(names)]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with _open(unfinished, is_compressed=path.suffix == ".zst") as stream:
        stream.write(_metadata(schema, span, mappings, options))
        left = options.limit
        written = 0
        for records in _records(market, schema, span, mappings, options):
            kept = records if left is None else records[: max(left - written, 0)]
            _undefine(kept, written, options.undefined_every)
            stream.write(kept.tobytes())
            written += len(kept)
    unfinished.replace(path)
    return path


@contextlib.contextmanager
def _open(path: Path, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as raw:
        if not is_compressed:
            yield raw
            return
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        with compressor.stream_writer(raw, closefd=False) as stream:
            yield stream


def _intervals(name: str, index: int, count: int, span: TimeRange, options: DbnOptions) -> list[_Interval]:
    first = _utc_date(span.start_us)
    last = _utc_date(span.end_us - 1) + timedelta(days=1)
    listed = max(first, (options.listed_from or {}).get(name, first))
    own, taken_over = (options.first_instrument_id + number for number in (index, (index + 1) % count))
    move = options.ids_move_on
    pieces = [(listed, last, own)]
    if move is not None:
        pieces = [(listed, min(move, last), own), (max(listed, move), last, taken_over)]
    return [_Interval(begin, finish, str(number)) for begin, finish, number in pieces if begin < finish]


def _metadata(schema: str, span: TimeRange, mappings: list[_Mapping], options: DbnOptions) -> bytes:
    import databento_dbn

    # The stubs of databento_dbn call its enumerations str.
    make_metadata: Any = databento_dbn.Metadata
    metadata = make_metadata(
        dataset=options.dataset,
        start=span.start_us * _NS_PER_US,
        end=span.end_us * _NS_PER_US,
        stype_in=databento_dbn.SType.RAW_SYMBOL,
        stype_out=databento_dbn.SType.INSTRUMENT_ID,
        schema=databento_dbn.Schema.from_str(schema),
        symbols=[mapping.raw_symbol for mapping in mappings] + list(options.not_found),
        partial=sorted(options.listed_from or ()),
        not_found=list(options.not_found),
        mappings=mappings,
        limit=options.limit,
        version=options.version,
    )
    return bytes(metadata)


def _records(
    market: SyntheticMarket, schema: str, span: TimeRange, mappings: list[_Mapping], options: DbnOptions
) -> Iterator[np.ndarray]:
    """Yield the records, a month of all tickers at a time."""
    for chunk in _month_chunks(span, "UTC" if is_daily(schema) else market.tz, market):
        parts = [
            _split_by_publisher(part, options.publishers)
            for mapping in mappings
            for part in _ticker_records(market, schema, chunk, mapping)
        ]
        if parts:
            records = np.concatenate(parts)
            yield records[np.argsort(records["ts_event"], kind="stable")]


def _month_chunks(span: TimeRange, tz: str, market: SyntheticMarket) -> Iterator[TimeRange]:
    at = span.start_us
    while at < span.end_us:
        day = _utc_date(at + US_PER_DAY)
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        edge = market.range_us(following, following, day_tz=tz).start_us
        yield TimeRange(at, min(edge, span.end_us))
        at = edge


def _ticker_records(market: SyntheticMarket, schema: str, chunk: TimeRange, mapping: _Mapping) -> Iterator[np.ndarray]:
    import databento_dbn

    dtype = np.dtype(databento_dbn.OHLCVMsg._dtypes)
    bars = market.raw_bars(mapping.raw_symbol, chunk, schema, day_tz="UTC")
    if (bars.volume != np.rint(bars.volume)).any():
        raise InputError("DBN volumes are whole numbers: create the market without fractional_volume")
    days = bars.seconds // 86_400
    for interval in mapping.intervals:
        first, last = np.searchsorted(days, [_epoch_day(interval.start_date), _epoch_day(interval.end_date)])
        records = np.zeros(last - first, dtype)
        records["length"] = dtype.itemsize // 4
        records["rtype"] = int(databento_dbn.RType.from_schema(databento_dbn.Schema.from_str(schema)))
        records["instrument_id"] = int(interval.symbol)
        records["ts_event"] = bars.seconds[first:last] * 1_000_000_000
        for name in ("open", "high", "low", "close"):
            records[name] = getattr(bars, f"{name}_cents")[first:last] * _CENTS_TO_FIXED
        records["volume"] = bars.volume[first:last].astype(np.uint64)
        yield records


def _split_by_publisher(records: np.ndarray, publishers: Sequence[int]) -> np.ndarray:
    """Return one record per publisher with volume; impossible rows are not split."""
    left = records["volume"].astype(np.int64)
    is_whole = records["high"] < records["low"]
    parts = []
    for place, publisher in enumerate(publishers):
        share = left if place == len(publishers) - 1 else np.ceil(left * _MAIN_SHARE).astype(np.int64)
        if place == 0:
            share = np.where(is_whole, left, share)
        part = records.copy()
        part["publisher_id"] = publisher
        part["volume"] = share
        if place == 0:
            others = share < left
            part["high"] = np.where(others, np.maximum(part["open"], part["close"]), part["high"])
            part["low"] = np.where(others, np.minimum(part["open"], part["close"]), part["low"])
        else:
            part["open"], part["close"] = part["low"], part["high"]
        parts.append(part[share > 0])
        left = left - share
    joined = np.concatenate(parts)
    return joined[np.argsort(joined["ts_event"], kind="stable")]


def _undefine(records: np.ndarray, already: int, every: int | None) -> None:
    if every is None:
        return
    import databento_dbn

    chosen: Any = (already + np.arange(1, len(records) + 1)) % every == 0
    for name in ("open", "high", "low", "close"):
        records[name][chosen] = databento_dbn.UNDEF_PRICE


def _utc_date(instant_us: int) -> date:
    return datetime.fromtimestamp(instant_us // US_PER_SECOND, UTC).date()


def _epoch_day(day: date) -> int:
    return (day - date(1970, 1, 1)).days
