"""pandas: each ticker's files read with only the columns that are needed, then `concat` side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders.aligned import COLUMNS, FIELDS, TZ, Ask, frames_digest, wide_digest
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import pandas as pd

_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def wide_outer(parameters: dict[str, Any]) -> Job:
    """Union of all minutes."""
    return _job(parameters, lambda ask: _side_by_side(_read(ask)), wide_digest)


def wide_ffill(parameters: dict[str, Any]) -> Job:
    """The same, filled forward; no volume in filled rows."""
    return _job(parameters, lambda ask: _filled(_side_by_side(_read(ask)), ask.tickers), wide_digest)


def five_minutes(parameters: dict[str, Any]) -> Job:
    """Five-minute bars by ticker; XNYS opens on a multiple of five minutes."""
    import pandas as pd

    def resampled(ask: Ask) -> dict[str, pd.DataFrame]:
        return {
            name: frame.groupby(pd.DatetimeIndex(frame.index).floor("5min")).agg(_HOW)
            for name, frame in _read(ask).items()
        }

    return _job(parameters, resampled, frames_digest)


def daily(parameters: dict[str, Any]) -> Job:
    """One bar per local day, aligned."""
    import pandas as pd

    def resampled(ask: Ask) -> pd.DataFrame:
        return _side_by_side(
            {
                name: frame.groupby(pd.DatetimeIndex(frame.index).tz_convert(TZ).normalize()).agg(_HOW)
                for name, frame in _read(ask).items()
            }
        )

    return _job(parameters, resampled, wide_digest)


def _job(parameters: dict[str, Any], work: Callable[[Ask], Any], digest: Callable[[Any], dict[str, Any]]) -> Job:
    ask = Ask.of(parameters)
    work(ask.warm_up())
    return Job(lambda: work(ask), digest)


def _read(ask: Ask) -> dict[str, pd.DataFrame]:
    import pandas as pd

    first, last = ask.instants
    frames = {}
    for name, paths in ask.files().items():
        parts = [pd.read_parquet(path, columns=list(COLUMNS), partitioning=None) for path in paths]
        frame = (pd.concat(parts) if len(parts) > 1 else parts[0]).set_index("ts_event")
        frames[name] = frame.loc[(frame.index >= first) & (frame.index < last)] if ask.is_cut else frame
    return frames


def _side_by_side(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    wide = pd.concat(frames.values(), axis=1, sort=True)
    wide.columns = pd.Index([f"{name}_{field}" for name in frames for field in FIELDS])
    return wide


def _filled(wide: pd.DataFrame, tickers: list[str]) -> pd.DataFrame:
    volumes = [f"{name}_volume" for name in tickers]
    is_missing = wide[volumes].isna().to_numpy()
    filled = wide.ffill()
    filled[volumes] = filled[volumes].mask(is_missing & filled[volumes].notna().to_numpy(), 0.0)
    return filled
