"""mtstore: `load_data` of a loader over the store; like the other engines, without looking for gaps and outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtstore.query.cache import result_cache
from tests.benchmarks.answers import digest
from tests.benchmarks.contenders.aligned import TZ, Ask, wide_digest
from tests.benchmarks.worker import Job, peak_mib

if TYPE_CHECKING:
    import pandas as pd

    import mtstore
    from mtstore.query.align.tensor import Tensor

_REPEAT = 5


def wide_outer(parameters: dict[str, Any]) -> Job:
    """Union of all buckets."""
    return _load(parameters, method="outer_join")


def wide_checked(parameters: dict[str, Any]) -> Job:
    """Union of all buckets, validated as it is by default."""
    return _load(parameters, is_validated=True, method="outer_join")


def wide_ffill(parameters: dict[str, Any]) -> Job:
    """The same, filled forward."""
    return _load(parameters, method="forward_fill")


def five_minutes(parameters: dict[str, Any]) -> Job:
    """Five-minute bars, aligned, in a store where a loader has made rollups before."""
    return _rolled_up(parameters, "5min")


def five_minutes_of_bars(parameters: dict[str, Any]) -> Job:
    """The same from the minute bars themselves."""
    return _load(parameters, resampling="5min")


def daily(parameters: dict[str, Any]) -> Job:
    """One bar per session, aligned, in a store where a loader has made rollups before."""
    return _rolled_up(parameters, "1d")


def daily_of_bars(parameters: dict[str, Any]) -> Job:
    """The same from the minute bars themselves."""
    return _load(parameters, resampling="1d")


def tensor(parameters: dict[str, Any]) -> Job:
    """A tensor of the complete grid, computed."""
    ask = Ask.of(parameters)
    store = _store(ask)
    return Job(lambda: store.tensor(ask.tickers, "1min", ask.start, ask.end), _tensor_digest)


def tensor_again(parameters: dict[str, Any]) -> Job:
    """The same, mapped from the derived cache, where it was made before."""
    ask = Ask.of(parameters)
    store = _store(ask)
    store.tensor(ask.tickers, "1min", ask.start, ask.end, mmap=True)
    return Job(lambda: store.tensor(ask.tickers, "1min", ask.start, ask.end, mmap=True), _tensor_digest, repeat=_REPEAT)


def wide_again(parameters: dict[str, Any]) -> Job:
    """Union of all buckets, validated, mapped from the derived cache, where a load before has left it."""
    return _load(parameters, is_validated=True, is_repeated=True, method="outer_join")


def wide_first(parameters: dict[str, Any]) -> Job:
    """The same, made and put into the derived cache, from which it is removed before."""
    job = _load(parameters, is_validated=True, is_kept=True, method="outer_join")
    with _store(Ask.of(parameters)) as store:
        for entry in result_cache.cached_results(store.repository):
            result_cache.delete_result(entry)
    return job


def _rolled_up(parameters: dict[str, Any], interval: str) -> Job:
    ask = Ask.of(parameters)
    # Tables are not kept, so that each run makes its own; rollups are made when a load that may keep them needs them.
    _load(parameters, is_kept=True, resampling=interval).run()
    store = _store(ask)
    return Job(lambda: store.align(ask.tickers, interval, ask.start, ask.end, tz=TZ).to_pandas(), wide_digest, _size)


def _store(ask: Ask) -> mtstore.Store:
    import mtstore

    store = mtstore.open(ask.store)
    small = ask.warm_up()
    store.tensor(small.tickers, "1min", small.start, small.end)
    return store


def _tensor_digest(made: Tensor) -> dict[str, Any]:
    stamps = made.index.as_unit("us").asi8
    return digest(
        (
            (ticker, stamps, {field: made.values[:, number, place] for place, field in enumerate(made.fields)})
            for number, ticker in enumerate(made.tickers)
        ),
        len(made.index),
    )


def _load(
    parameters: dict[str, Any],
    *,
    is_validated: bool = False,
    is_kept: bool = False,
    is_repeated: bool = False,
    **alignment: str,
) -> Job:
    import mtstore

    ask = Ask.of(parameters)
    loader = mtstore.MultiTickerDataLoader(
        {
            "multi_ticker": {
                "store": str(ask.store),
                "tickers": {name: {} for name in ask.tickers},
                "alignment": {"timezone": TZ, **alignment},
                "validation": {"enabled": is_validated},
                "cache": {"derived": is_kept or is_repeated},
            }
        }
    )
    small = ask.warm_up()
    loader.load_data(small.start, small.end, tickers=small.tickers)
    if is_repeated:
        loader.load_data(ask.start, ask.end)
    return Job(lambda: loader.load_data(ask.start, ask.end), wide_digest, _size, repeat=_REPEAT if is_repeated else 1)


def _size(frame: pd.DataFrame) -> dict[str, float]:
    """The output's size, and the peak as a share of what it may be."""
    output = frame.to_numpy().nbytes / 2**20
    allowed = 1.5 * output + 500e6 / 2**20
    return {"output_mib": output, "peak_of_allowed": peak_mib() / allowed}
