"""Load the first ticker alone, which `multi_ticker.enabled: false` falls back to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mtstore.arguments import first_few
from mtstore.errors import InputError
from mtstore.loader.legacy.single_ticker import TickerDataLoader
from mtstore.loader.load.fetch_missing import FetchOutcome, FoundWarning, issue_warnings
from mtstore.loader.load.requests import LoadArguments, requested_tickers
from mtstore.loader.load.result import LoadResult, TickerResult
from mtstore.query.table.memory_budget import peak_bytes
from mtstore.query.table.wide_table import field_names

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.config import Config
    from mtstore.store import Store


@dataclass(slots=True)
class FirstTickerLoad:
    """One load of the first requested ticker, not aligned; stands in for `Load`."""

    loader: TickerDataLoader
    arguments: LoadArguments
    warnings: list[FoundWarning]
    fetched: FetchOutcome = field(default_factory=FetchOutcome)
    began: float = field(default_factory=time.monotonic)
    _result: LoadResult | None = None

    @classmethod
    def of(cls, config: Config, store: Store, arguments: LoadArguments) -> Self:
        """Check the arguments; errors as in `MultiTickerDataLoader.load_data`."""
        if arguments.columns != "flat" or arguments.dtype != "float64":
            raise InputError("multi_ticker.enabled is false: one ticker is loaded as it is, without columns and dtype")
        names = requested_tickers(config, store, arguments.tickers)
        if not names:
            raise InputError("multi_ticker.enabled is false, and no ticker is configured or stored")
        loader = TickerDataLoader(names[0], config, store=store)
        text = f"multi_ticker.enabled is false: only {names[0]} is loaded, not {first_few(names[1:])}"
        return cls(loader, arguments, [(text, UserWarning)] if names[1:] else [])

    @property
    def tickers(self) -> tuple[str, ...]:
        """The ticker to load."""
        return (self.loader.ticker,)

    def to_frame(self) -> pd.DataFrame:
        """Read the ticker at its configured interval; its columns have no prefix."""
        frame, found = self.loader.read_fetched(
            self.loader.ticker, self.arguments.start, self.arguments.end, self.fetched
        )
        self.warnings += found
        names = list(field_names(self.arguments.fields, frame.columns))
        for name in names:
            if name not in frame.columns:
                raise InputError(f"field {name!r} is not one of {', '.join(frame.columns)}")
        frame = frame[names]
        entry = TickerResult(
            self.loader.ticker, len(frame), time.monotonic() - self.began, None, 1.0 if len(frame) else 0.0, None, None
        )
        size = int(frame.memory_usage(index=False).sum())
        self._result = LoadResult((entry,), len(frame), len(names), entry.seconds, size, peak_bytes())
        return frame

    def result(self) -> LoadResult | None:
        """Describe the load; None before `to_frame`."""
        return self._result

    def warn(self, stacklevel: int) -> None:
        """Issue the warnings; `stacklevel` 1 is the caller of this method."""
        issue_warnings(self.warnings, stacklevel + 1)
