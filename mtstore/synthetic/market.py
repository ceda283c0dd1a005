"""`SyntheticMarket`: made-up bars of any ticker, range and schema."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice, product
from string import ascii_uppercase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from mtstore.bars import arrow_schema, step_us
from mtstore.bounds import parse_bounds, parse_zone
from mtstore.errors import InputError, RangeError, TickerError
from mtstore.ranges import US_PER_SECOND, TimeRange, midnight_us, to_us
from mtstore.sources import bar_grid
from mtstore.synthetic.clock import Clock, year_sessions
from mtstore.synthetic.faults import Faults, PlantedFault, Split
from mtstore.synthetic.model import Bars, TickerModel, join_bars
from mtstore.synthetic.resample import base_step_seconds, widen

if TYPE_CHECKING:
    import pyarrow as pa

    from mtstore.bounds import BoundLike


class SyntheticMarket:
    """Tickers that trade on a real exchange's calendar, drawn from a seed.

    Parameters
    ----------
    tickers
        Names, or a number (names AAA, AAB, …).
    seed
        The same seed yields the same bars, independent of the other tickers and of the range.
    calendar
        A name of exchange_calendars. US equity calendars have pre-market (from 04:00) and post-market (to 20:00, or
        four hours after an early close), sparsely traded, unless `extended_hours` is False.
    faults
        Planted faults; `Faults.none()` for a clean market.
    thin
        The tickers that trade in only some of the minutes; drawn when None (unless `faults.thin` is False).
    splits
        The splits, for all tickers; drawn when None (unless `faults.splits` is False).
    fractional_volume
        Whether volumes have decimals, as Polygon's may.

    Notes
    -----
    1-second and 1-minute bars are two separate draws around the same daily path; wider bars are computed from
    1-minute bars (from 1-second bars below a minute). Prices are raw, in whole cents.
    """

    def __init__(
        self,
        tickers: Sequence[str] | int = 5,
        *,
        seed: int = 0,
        calendar: str = "XNYS",
        extended_hours: bool = True,
        faults: Faults | None = None,
        thin: Collection[str] | None = None,
        splits: Iterable[Split] | None = None,
        fractional_volume: bool = False,
    ) -> None:
        self.tickers = _names(tickers)
        self.clock = Clock(calendar, extended_hours)
        self.tz = self.clock.tz
        by_ticker: dict[str, list[Split]] | None = None
        if splits is not None:
            by_ticker = {ticker: [] for ticker in self.tickers}
            for split in sorted(splits, key=lambda one: one.execution_date):
                self._check_ticker(split.ticker)
                by_ticker[split.ticker].append(split)
        for ticker in thin or ():
            self._check_ticker(ticker)
        self._make_model = functools.cache(
            lambda ticker: TickerModel(
                ticker,
                seed=seed,
                clock=self.clock,
                faults=faults or Faults(),
                is_thin=None if thin is None else ticker in thin,
                splits=None if by_ticker is None else tuple(by_ticker[ticker]),
                fractional_volume=fractional_volume,
            )
        )

    @property
    def thin_tickers(self) -> tuple[str, ...]:
        """The tickers that trade in only some of the minutes."""
        return tuple(ticker for ticker in self.tickers if self._model(ticker).is_thin)

    def bars(
        self, ticker: str, start: BoundLike, end: BoundLike, schema: str = "ohlcv-1m", *, day_tz: str | None = None
    ) -> pa.Table:
        """Return a ticker's bars with the columns of `arrow_schema()`, sorted by `ts_event`.

        Parameters
        ----------
        ticker
            One of `tickers`.
        start, end
            Instants, half-open; or dates: days in `day_tz`, both included.
        schema
            `ohlcv-<n><s|m|h|d>`. Hours are UTC hours, days are the days of `day_tz`.
        day_tz
            An IANA zone, the exchange's by default (Polygon's days are those of New York, Databento's those of UTC).
        """
        span = self.range_us(start, end, day_tz=day_tz)
        return _to_table(self.raw_bars(ticker, span, schema, day_tz=day_tz or self.tz))

    def raw_bars(self, ticker: str, span: TimeRange, schema: str, *, day_tz: str) -> Bars:
        """Return the bars of `bars` as arrays, for the writers of vendor files."""
        step_seconds = base_step_seconds(schema)
        if step_us(schema) == step_seconds * US_PER_SECOND:
            return self._base_bars(ticker, span, step_seconds)
        # The last wide bar may end after the range.
        outer = TimeRange(span.start_us, bar_grid.ceil_us(span.end_us, schema, day_tz))
        return _cut(widen(self._base_bars(ticker, outer, step_seconds), schema, day_tz), span)

    def splits(self, start: BoundLike = None, end: BoundLike = None) -> tuple[Split, ...]:
        """Return the splits executed in a range of dates, both included; without an end, up to 2100."""
        bounds = parse_bounds(start, end, tz=self.tz)
        first, last = (_to_date(bound, self.tz) for bound in (bounds.start, bounds.end))
        drawn = (
            split
            for ticker in self.tickers
            for split in self._model(ticker).splits_before((last.year if last else 2100) + 1)
        )
        return tuple(
            split
            for split in drawn
            if (first is None or first <= split.execution_date) and (last is None or split.execution_date <= last)
        )

    def planted_faults(self, start: BoundLike, end: BoundLike) -> tuple[PlantedFault, ...]:
        """Return the faults of a range by ticker and time: what quality checks should find."""
        span = self.range_us(start, end)
        years = sorted({year for year, _ in self.clock.months_between(span.start_us, span.end_us)})
        found = [fault for ticker in self.tickers for year in years for fault in self._faults_of(ticker, year)]
        return tuple(sorted(fault for fault in found if TimeRange(fault.start_us, fault.end_us).overlaps(span)))

    def range_us(self, start: BoundLike, end: BoundLike, *, day_tz: str | None = None) -> TimeRange:
        """Return a range as instants; dates are days in `day_tz` (default: the exchange's zone), both included."""
        zone_name = day_tz or self.tz
        bounds = parse_bounds(start, end, tz=zone_name)
        if bounds.start is None or bounds.end is None:
            raise RangeError("the synthetic market is unbounded: give start and end")
        zone = parse_zone(zone_name)
        first, last = bounds.start, bounds.end
        if not isinstance(last, datetime):
            last += timedelta(days=1)
        return TimeRange(_to_us(first, zone), _to_us(last, zone))

    def month_bars(self, ticker: str, year: int, month: int, step_seconds: int) -> Bars:
        """Return a ticker's bars of the sessions of a month; `step_seconds` is 1 or 60."""
        return self._model(ticker).month(year, month, step_seconds)

    def _faults_of(self, ticker: str, year: int) -> Iterator[PlantedFault]:
        model = self._model(ticker)
        plan = model.plan(year)
        if plan.halt:
            yield PlantedFault(ticker, plan.halt[0] * US_PER_SECOND, plan.halt[1] * US_PER_SECOND, "halt")
        if plan.bad_print:
            at = plan.bad_print[0] * US_PER_SECOND
            yield PlantedFault(ticker, at, at + 1, "bad_print", f"close × {plan.bad_print[1]}")
        if plan.impossible_row:
            at = plan.impossible_row * US_PER_SECOND
            yield PlantedFault(ticker, at, at + 1, "impossible_row", "high below low")
        sessions = year_sessions(self.clock, year)
        for split in model.splits_before(year + 1)[len(model.splits_before(year)) :]:
            place = int(np.searchsorted(sessions.labels, np.datetime64(split.execution_date)))
            if place < len(sessions):
                at = int(sessions.first[place]) * US_PER_SECOND
                yield PlantedFault(ticker, at, at + 1, "split", f"{split.split_from:g} for {split.split_to:g}")

    def _base_bars(self, ticker: str, span: TimeRange, step_seconds: int) -> Bars:
        months = self.clock.months_between(span.start_us, span.end_us)
        return join_bars([_cut(self._model(ticker).month(*month, step_seconds), span) for month in months])

    def _model(self, ticker: str) -> TickerModel:
        self._check_ticker(ticker)
        return self._make_model(ticker)

    def _check_ticker(self, ticker: str) -> None:
        if ticker not in self._known:
            raise TickerError(f"ticker {ticker!r} is not in this market of {len(self.tickers)} tickers")

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.tickers)


def _names(tickers: Sequence[str] | int) -> tuple[str, ...]:
    if isinstance(tickers, int):
        if tickers < 1:
            raise InputError(f"a market has at least one ticker, got {tickers}")
        # AAA to ZZZ are 17,576 names; more tickers have four letters.
        letters = 3 if tickers <= 26**3 else 4
        return tuple(map("".join, islice(product(ascii_uppercase, repeat=letters), tickers)))
    names = tuple(tickers)
    if isinstance(tickers, str) or not names or len(set(names)) < len(names):
        raise InputError(f"tickers are a number or a list of different names, got {tickers!r}")
    return names


def _cut(bars: Bars, span: TimeRange) -> Bars:
    edges = [-(-span.start_us // US_PER_SECOND), -(-span.end_us // US_PER_SECOND)]
    first, last = np.searchsorted(bars.seconds, edges)
    return bars[first:last].view(np.recarray)


def _to_us(bound: date | datetime, zone: ZoneInfo) -> int:
    return to_us(bound) if isinstance(bound, datetime) else midnight_us(bound, zone)


def _to_date(bound: date | datetime | None, tz: str) -> date | None:
    return bound.astimezone(ZoneInfo(tz)).date() if isinstance(bound, datetime) else bound


def _to_table(bars: Bars) -> pa.Table:
    import pyarrow as pa

    prices = (bars.open_cents, bars.high_cents, bars.low_cents, bars.close_cents)
    columns = [
        (bars.seconds * US_PER_SECOND).view("datetime64[us]"),
        *(cents / 100.0 for cents in prices),
        bars.volume,
        bars.vwap,
        bars.transactions,
    ]
    schema = arrow_schema()
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
