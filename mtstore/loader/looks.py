"""Looks at what a loader reads: how good it is, what it lacks; and what is kept of it besides the bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mtstore.loader.load.configured_view import sight
from mtstore.loader.load.fetch_missing import Fetching, FetchOutcome, fetch_warnings
from mtstore.loader.load.prefetch import warm
from mtstore.loader.load.requests import align_call, wanted_tickers
from mtstore.loader.validation.outcome import Validation, validate
from mtstore.loader.validation.summary import quality_frame
from mtstore.query.cache import result_cache
from mtstore.query.request.result import mapped_errors

if TYPE_CHECKING:
    import pandas as pd

    from mtstore.config import Config
    from mtstore.query.request.request import AlignRequest
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.store import Store


class Looks:
    """What a loader says of a range besides giving it; the last loaded range, where none is given."""

    config: Config
    aligned_data: pd.DataFrame | None
    _store: Store
    _fetching: Fetching
    _last_range: tuple[Any, Any]

    def prefetch(self, start: Any = None, end: Any = None, *, tickers: Iterable[str] | None = None) -> int:
        """Have the system read the range's files into its cache, without waiting; gives their size in bytes.

        What the store lacks of it is fetched first, as `load_data` does.
        """
        names = wanted_tickers(self.config, self._store, tickers)
        self._tell(self._fetching.fetch(self._store, names, start, end))
        with self._sight(start, end, names) as (facts, call):
            return warm(facts.connection, self._store.path, call)

    def validate(self, start: Any = None, end: Any = None, *, tickers: Iterable[str] | None = None) -> Validation:
        """Gaps, outliers and splits of a range, or of the last loaded one, by each ticker's own limits.

        Neither raises nor warns, whatever `validation` says.
        """
        with self._sight(start, end, tickers) as (facts, call):
            return validate(facts, call, {name: self.config.ticker(name) for name in call.tickers or ()})

    def quality(self, start: Any = None, end: Any = None, *, tickers: Iterable[str] | None = None) -> pd.DataFrame:
        """How good a range is, or the last loaded one: one row per ticker, indexed by it.

        Columns: calendar, expected_bars and present_bars of the regular sessions, completeness (their share),
        gap_count, longest_gap_minutes, outlier_count, quarantined_rows, first_bar, last_bar, staleness (now minus the
        ticker's last stored bar), peer_ratio (bars as a multiple of the median of the same calendar's tickers),
        is_far_from_peers and peer_note (why). The figures are those of the macro `quality`.
        """
        with self._sight(start, end, tickers) as (facts, call):
            return quality_frame(facts.connection, call)

    def clear_cache(self, *, tickers: Iterable[str] | None = None) -> int:
        """Forget derived results (mapped tensors), all or those with any of `tickers`, and `aligned_data`.

        Stored bars stay. Gives the bytes that were freed.
        """
        wanted = None if tickers is None else set(wanted_tickers(self.config, self._store, tickers))
        freed = 0
        for entry in result_cache.cached_results(self._store.repository):
            if wanted is None or wanted & set(entry.tickers):
                result_cache.delete_result(entry)
                freed += entry.byte_size
        self.aligned_data = None
        return freed

    def _tell(self, fetched: FetchOutcome, *told: str) -> None:
        """Warn the caller of the public method of what could not be fetched, and of what else there is to say."""
        for text, category in [*((text, UserWarning) for text in told), *fetch_warnings(fetched)]:
            warnings.warn(text, category, stacklevel=3)

    @contextmanager
    def _sight(self, start: Any, end: Any, tickers: Iterable[str] | None) -> Iterator[tuple[StoreFacts, AlignRequest]]:
        """The store as the configuration sees it, and the call of a range; the last loaded one if none is given."""
        if start is None and end is None:
            start, end = self._last_range
        call = align_call(self.config, self._store, tickers, start, end)
        with sight(self._store.repository, self.config) as facts, mapped_errors():
            yield facts, call
