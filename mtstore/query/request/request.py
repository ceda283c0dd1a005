"""A checked request for series or for aligned tickers, in the words of the SQL macros that serve it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Self

from mtstore import sqlfiles
from mtstore.arguments import check_choice, check_options, ticker_names
from mtstore.bounds import Bounds, parse_bounds, parse_zone, warn_of_midnight_end
from mtstore.config.choices import ADJUSTMENTS, ANCHORS, FILL_PRICES, FILL_VOLUMES, METHODS, PARTIALS, SESSIONS
from mtstore.errors import InputError, IntervalError
from mtstore.intervals import VALID_DURATIONS, BarInterval, parse_duration, parse_interval
from mtstore.sqlfiles import Sql, identifier, join

METHOD_ALIASES = {"outer": "outer_join", "inner": "inner_join", "ffill": "forward_fill"}
GRID = "grid"
JOINS = ("outer_join", "inner_join")
DEFAULT_TZ = "America/New_York"
FILLS = ("none", "forward")
_NOT_OPTIONS = ("tickers", "interval", "bounds", "chunk")
_ALIGNING_MACROS = {
    "outer_join": "aligned_outer",
    "inner_join": "aligned_inner",
    "forward_fill": "aligned_ffill",
    GRID: "aligned_grid",
}


def macro_call(macro: str, parameters: Iterable[str], *positional: str, columns: Iterable[str] = ()) -> Sql:
    """Return the statement that calls a macro with `parameters` bound.

    `positional` are those after `tickers` that have no default; without any, `bar_interval`.
    """
    first = ("tickers", *(positional or ("bar_interval",)))
    named = (Sql(f"{name} := ${name}") for name in parameters if name not in first)
    return sqlfiles.load(
        "request.call",
        columns=join(map(identifier, columns), ", ") or Sql("*"),
        macro=identifier(macro),
        arguments=join((*(Sql(f"${name}") for name in first), *named), ", "),
    )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a range, by the left edges of its buckets; which of them belong to the range is the request's matter.

    Attributes
    ----------
    labels_from, labels_to
        The edges that are read, half-open; None: from the first, to the last.
    shown_from
        Buckets before are only read for the values that are carried from them.
    """

    labels_from: datetime | None = None
    labels_to: datetime | None = None
    shown_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Bars of some tickers in buckets of one width; `parse` checks what a caller gave.

    Attributes
    ----------
    tickers
        None: the configured universe, else all stored tickers.
    bounds
        Half-open between instants; dates take whole sessions, the end date included. A bucket belongs to a range
        only if it is wholly inside.
    session
        `regular` or `all`.
    anchor
        Where buckets are counted from: `session`, `midnight` (in `tz`) or `epoch`.
    adjust
        `none`, `splits` or `all`.
    from_source, from_schema
        The stored series to read, where the configuration does not decide.
    partial
        Buckets that reach beyond the range: left out (`drop`), or computed from the range's own bars (`cut`).
    chunk
        The part of the range that is read; None: all of it.
    """

    tickers: tuple[str, ...] | None
    interval: BarInterval
    bounds: Bounds
    session: str = "regular"
    anchor: str = "session"
    tz: str = DEFAULT_TZ
    adjust: str = "none"
    from_source: str | None = None
    from_schema: str | None = None
    partial: str = "drop"
    chunk: Chunk | None = None

    @classmethod
    def parse(
        cls,
        tickers: str | Iterable[str] | None,
        interval: str | timedelta | BarInterval,
        start: Any = None,
        end: Any = None,
        *,
        tz: str = DEFAULT_TZ,
        **options: Any,
    ) -> Self:
        """Check a request's arguments; naive bounds are wall time in `tz`.

        Raises
        ------
        InputError
            An option or its value is not valid (the message lists the valid ones); an interval, bounds or a time zone
            that cannot be read; a ticker that is listed twice. TickerError: a name that no ticker can have.

        Warns
        -----
        UserWarning
            `end` is a Timestamp at midnight, so that its day is not in the range.
        """
        check_options(options, (one.name for one in fields(cls) if one.name not in _NOT_OPTIONS))
        parse_zone(tz)
        names = ticker_names(tickers)
        if names is not None and len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"tickers: {', '.join(twice)} listed twice")
        bounds = parse_bounds(start, end, tz=tz)
        warn_of_midnight_end(end, bounds)
        return cls(names or None, parse_interval(interval), bounds, tz=tz, **options)

    def __post_init__(self) -> None:
        check_choice("session", self.session, SESSIONS)
        check_choice("anchor", self.anchor, ANCHORS)
        check_choice("adjust", self.adjust, ADJUSTMENTS)
        check_choice("partial", self.partial, PARTIALS)

    def series_parameters(self) -> dict[str, Any]:
        """Return the arguments that decide which stored series are read, to be bound by name."""
        return {
            "tickers": None if self.tickers is None else list(self.tickers),
            "bar_interval": self.interval.to_sql_text(),
            "start_ts": self.bounds.start,
            "end_ts": self.bounds.end,
            "session": self.session,
            "anchor": self.anchor,
            "tz": self.tz,
            "from_source": self.from_source,
            "from_schema": self.from_schema,
        }

    def common_parameters(self) -> dict[str, Any]:
        """Return the arguments that all macros over series take, to be bound by name."""
        return self.series_parameters() | {"adjust": self.adjust}

    def parameters(self) -> dict[str, Any]:
        """Return the arguments of the macro `resampled`, to be bound by name."""
        return self.common_parameters() | {"partial": self.partial}


@dataclass(frozen=True, slots=True)
class AlignRequest(SeriesRequest):
    """Several tickers on one grid.

    Attributes
    ----------
    method
        `outer_join` (the union of all buckets), `inner_join` (their intersection), `forward_fill` (the union, prices
        carry their last value), `grid` (the calendar's complete grid).
    fill_volume
        Volume and transactions of filled rows: `zero`, `ffill` or `null`.
    fill_prices
        `own`: each price column carries its own last value; `close`: flat bars at the last close.
    max_age
        Older values are not carried; None: no limit.
    across_sessions
        Whether values are carried from one session into the next.
    lookback
        How far before the start the first carried value is searched.
    fill
        Whether the method `grid` fills: `none` or `forward`.
    """

    method: str = "outer_join"
    fill_volume: str = "zero"
    fill_prices: str = "own"
    max_age: timedelta | None = None
    across_sessions: bool = True
    lookback: timedelta | None = None
    fill: str = "none"

    def __post_init__(self) -> None:
        SeriesRequest.__post_init__(self)
        object.__setattr__(self, "method", METHOD_ALIASES.get(self.method, self.method))
        check_choice("method", self.method, (*METHODS, GRID, *METHOD_ALIASES))
        check_choice("fill_volume", self.fill_volume, FILL_VOLUMES)
        check_choice("fill_prices", self.fill_prices, FILL_PRICES)
        for name in ("max_age", "lookback"):
            object.__setattr__(self, name, _duration(name, getattr(self, name)))
        if not isinstance(self.across_sessions, bool):
            raise InputError(f"across_sessions {self.across_sessions!r}: True or False")
        check_choice("fill", self.fill, FILLS)

    @property
    def statement(self) -> Sql:
        """The statement that calls this method's macro."""
        return macro_call(_ALIGNING_MACROS[self.method], self.parameters())

    def parameters(self) -> dict[str, Any]:
        """Return the arguments of this method's macro, to be bound by name."""
        common = SeriesRequest.parameters(self)
        if self.method in JOINS:
            return common
        if self.method == GRID:
            common["fill"] = self.fill
        return common | {
            "fill_volume": self.fill_volume,
            "fill_prices": self.fill_prices,
            "max_age": self.max_age,
            "across_sessions": self.across_sessions,
            "lookback": self.lookback,
        }


def _duration(name: str, value: Any) -> timedelta | None:
    if isinstance(value, str):
        return parse_duration(value)
    if value is not None and (not isinstance(value, timedelta) or not value >= timedelta(0)):
        raise IntervalError(f"{name} {value!r} is not a duration; valid: {VALID_DURATIONS}, or a timedelta")
    return value
