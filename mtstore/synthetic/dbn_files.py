"""The synthetic market as Databento DBN files: metadata with symbol mappings, then OHLCV records in order of time."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mtstore.bars import BAR_SCHEMAS, PRICE_COLUMNS, is_daily
from mtstore.errors import InputError, UnsupportedSchemaError
from mtstore.ranges import TimeRange, from_us

if TYPE_CHECKING:
    from mtstore.bounds import BoundLike
    from mtstore.synthetic.market import SyntheticMarket

_CENTS_TO_FIXED = 10_000_000  # DBN prices count 1e-9
_NS_PER_US = 1_000
_MAIN_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class DbnOptions:
    """Options of a DBN file.

    Attributes
    ----------
    dataset, version
        As in the metadata; versions 1 to 3.
    publishers
        Ids of the venues. With several, a bar's volume is spread over one record per venue (most of it on the
        first, which has the bar's open and close; the others have its high and low), so that the bars
        aggregated as documented are the market's.
    first_instrument_id
        The first ticker's id; the others follow.
    ids_move_on
        A UTC date from which every ticker has the id of the next one.
    listed_from
        UTC dates from which some tickers resolve; their earlier bars are omitted, and they are `partial`.
    not_found
        Requested symbols that do not exist.
    undefined_every
        In every n-th record, all four prices are undefined.
    limit
        Most records, as of a request with a limit.
    """

    dataset: str = "XNAS.ITCH"
    version: int = 3
    publishers: tuple[int, ...] = (2,)
    first_instrument_id: int = 1001
    ids_move_on: date | None = None
    listed_from: Mapping[str, date] | None = None
    not_found: tuple[str, ...] = ()
    undefined_every: int | None = None
    limit: int | None = None


class _Interval(NamedTuple):
    """A half-open range of UTC dates; databento_dbn reads the attributes."""

    start_date: date
    end_date: date
    symbol: str


class _Mapping(NamedTuple):
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
    import databento_dbn

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
        left, written = options.limit, 0
        for records in _records(market, schema, span, mappings, options):
            chosen = records if left is None else records[: max(left - written, 0)]
            if options.undefined_every is not None:
                is_undefined = np.arange(written + 1, written + len(chosen) + 1) % options.undefined_every == 0
                for name in PRICE_COLUMNS:
                    chosen[name][is_undefined] = databento_dbn.UNDEF_PRICE
            stream.write(chosen.tobytes())
            written += len(chosen)
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
    for chunk in _month_chunks(span, "UTC" if is_daily(schema) else market.tz):
        parts = [
            _split_by_publisher(part, options.publishers)
            for mapping in mappings
            for part in _ticker_records(market, schema, chunk, mapping)
        ]
        if parts:
            records = np.concatenate(parts)
            yield records[np.argsort(records["ts_event"], kind="stable")]


def _month_chunks(span: TimeRange, tz: str) -> Iterator[TimeRange]:
    import pandas as pd

    first, last = _utc_date(span.start_us), _utc_date(span.end_us)
    months = pd.date_range(first, last, freq="MS", tz=tz).as_unit("us").asi8.tolist()
    edges = [span.start_us, *(at for at in months if span.start_us < at < span.end_us), span.end_us]
    return itertools.starmap(TimeRange, itertools.pairwise(edges))


def _ticker_records(market: SyntheticMarket, schema: str, chunk: TimeRange, mapping: _Mapping) -> Iterator[np.ndarray]:
    import databento_dbn

    dtype = np.dtype(databento_dbn.OHLCVMsg._dtypes)
    bars = market.raw_bars(mapping.raw_symbol, chunk, schema, day_tz="UTC")
    if (bars.volume != np.rint(bars.volume)).any():
        raise InputError("DBN volumes are whole numbers: create the market without fractional_volume")
    days = (bars.seconds // 86_400).astype("datetime64[D]")
    for interval in mapping.intervals:
        first, last = np.searchsorted(days, np.array(interval[:2], "datetime64[D]"))
        records = np.zeros(last - first, dtype)
        records["length"] = dtype.itemsize // 4
        records["rtype"] = int(databento_dbn.RType.from_schema(databento_dbn.Schema.from_str(schema)))
        records["instrument_id"] = int(interval.symbol)
        records["ts_event"] = bars.seconds[first:last] * 1_000_000_000
        for name in PRICE_COLUMNS:
            records[name] = bars[f"{name}_cents"][first:last] * _CENTS_TO_FIXED
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


def _utc_date(instant_us: int) -> date:
    return from_us(instant_us).date()
