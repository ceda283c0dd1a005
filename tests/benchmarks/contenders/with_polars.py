"""polars: lazy scans of the same files, one per ticker, collected together; aligned by polars itself, or by joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.benchmarks.answers import Part, digest
from tests.benchmarks.contenders.aligned import FIELDS, TZ, Ask
from tests.benchmarks.worker import Job

if TYPE_CHECKING:
    import polars as pl


def wide_outer(parameters: dict[str, Any]) -> Job:
    """Union of all minutes, by `align_frames`: what polars has for it."""

    def aligned(ask: Ask) -> pl.DataFrame:
        import polars as pl

        scans = _scans(ask)
        frames = pl.align_frames(*pl.collect_all(list(scans.values())), on="ts_event")
        named = [
            frame.select(pl.col(field).alias(f"{name}_{field}") for field in FIELDS)
            for name, frame in zip(scans, frames, strict=True)
        ]
        return pl.concat([frames[0].select("ts_event"), *named], how="horizontal")

    return _job(parameters, aligned, _wide_digest)


def wide_joined(parameters: dict[str, Any]) -> Job:
    """Union of all minutes, the grid joined to each ticker: faster, for those who know."""
    return _job(parameters, lambda ask: _side_by_side(_scans(ask)), _wide_digest)


def wide_ffill(parameters: dict[str, Any]) -> Job:
    """The same, filled forward; no volume in filled rows."""

    def filled(ask: Ask) -> pl.DataFrame:
        import polars as pl

        prices = [f"{name}_{field}" for name in ask.tickers for field in FIELDS[:4]]
        volumes = [f"{name}_volume" for name in ask.tickers]
        no_volume = [pl.coalesce(pl.col(name), pl.col(name).forward_fill() * 0.0) for name in volumes]
        return _side_by_side(_scans(ask)).lazy().with_columns(pl.col(prices).forward_fill(), *no_volume).collect()

    return _job(parameters, filled, _wide_digest)


def five_minutes(parameters: dict[str, Any]) -> Job:
    """Five-minute bars by ticker: sorted scans, so that the streaming-friendly `group_by_dynamic` applies."""

    def resampled(ask: Ask) -> dict[str, pl.DataFrame]:
        import polars as pl

        scans = _scans(ask)
        grouped = [
            scan.set_sorted("ts_event").group_by_dynamic("ts_event", every="5m").agg(_aggregates())
            for scan in scans.values()
        ]
        return dict(zip(scans, pl.collect_all(grouped), strict=True))

    return _job(parameters, resampled, _frames_digest)


def daily(parameters: dict[str, Any]) -> Job:
    """One bar per local day, aligned; the zone is changed on the few labels, as days of UTC hold whole sessions."""

    def resampled(ask: Ask) -> pl.DataFrame:
        import polars as pl

        local = pl.col("ts_event").dt.replace_time_zone(TZ).dt.convert_time_zone("UTC")
        scans = {
            name: scan.set_sorted("ts_event").group_by_dynamic("ts_event", every="1d").agg(_aggregates())
            for name, scan in _scans(ask).items()
        }
        return _side_by_side(scans).with_columns(local)

    return _job(parameters, resampled, _wide_digest)


def _job(parameters: dict[str, Any], work: Callable[[Ask], Any], digest: Callable[[Any], dict[str, Any]]) -> Job:
    ask = Ask.of(parameters)
    work(ask.warm_up())
    return Job(lambda: work(ask), digest)


def _scans(ask: Ask) -> dict[str, pl.LazyFrame]:
    import polars as pl

    first, last = ask.instants
    stamp = pl.col("ts_event")
    scans = {}
    for name, paths in ask.files().items():
        scan = pl.scan_parquet(paths, hive_partitioning=False).select("ts_event", *FIELDS)
        scans[name] = scan.filter((stamp >= first) & (stamp < last)) if ask.is_cut else scan
    return scans


def _aggregates() -> list[pl.Expr]:
    import polars as pl

    return [
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    ]


def _side_by_side(scans: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """The distinct stamps once, then a left join per ticker, in parallel: faster than `align_frames` and `pivot`."""
    import polars as pl

    frames = dict(zip(scans, pl.collect_all(list(scans.values())), strict=True))
    stamps = pl.concat([frame.select("ts_event") for frame in frames.values()]).unique().sort("ts_event")
    joined = [
        stamps.lazy()
        .join(frame.lazy(), on="ts_event", how="left", maintain_order="left")
        .select(pl.col(field).alias(f"{name}_{field}") for field in FIELDS)
        for name, frame in frames.items()
    ]
    return pl.concat([stamps, *pl.collect_all(joined)], how="horizontal")


def _wide_digest(frame: pl.DataFrame) -> dict[str, Any]:
    def parts() -> Iterator[Part]:
        for name in dict.fromkeys(column.rpartition("_")[0] for column in frame.columns[1:]):
            yield name, _stamps(frame), {field: frame[f"{name}_{field}"].to_numpy() for field in FIELDS}

    return digest(parts(), frame.height)


def _frames_digest(frames: dict[str, pl.DataFrame]) -> dict[str, Any]:
    return digest(
        (name, _stamps(one), {field: one[field].to_numpy() for field in FIELDS}) for name, one in frames.items()
    )


def _stamps(frame: pl.DataFrame) -> Any:
    return frame["ts_event"].dt.epoch("us").to_numpy()
