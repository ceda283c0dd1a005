"""The cases: who takes part in each, over which data, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.data import Data
from tests.benchmarks.process import Contender
from tests.benchmarks.targets import Target, at_most, at_most_of, at_most_seconds, at_most_times, faster_than

_MODULES = {
    "mtstore": "with_mtstore",
    "pandas": "with_pandas",
    "polars": "with_polars",
    "arcticdb": "with_arctic",
    "naive duckdb": "with_duckdb",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table of targets.

    Attributes
    ----------
    needs
        The data sets that must be there.
    figures
        Figures beside time and memory that the table shows.
    runs_once
        Whether one run is enough.
    """

    name: str
    title: str
    contenders: Mapping[str, Contender]
    needs: tuple[str, ...] = ("market",)
    targets: tuple[Target, ...] = ()
    figures: tuple[str, ...] = field(default=())
    runs_once: bool = False


def all_cases(data: Data) -> list[Case]:
    """Every case, over the data of one scale."""
    return [
        *_aligned(data),
        _derived(data),
        _repeated(data),
        *_points(data),
        *_starts(data),
        *_ingest(data),
        _storage(data),
        _growth(data),
    ]


def _aligned(data: Data) -> list[Case]:
    scale = data.scale
    needs = ("market", "arctic")
    whole = _ask(data, scale.tickers, scale.start, scale.end)
    few = _ask(data, scale.few_tickers, scale.few_start, scale.few_end)
    everything = f"{scale.tickers} tickers, {scale.start} to {scale.end}"
    wide = Case(
        "wide-outer",
        f"wide outer alignment, {everything}, OHLCV",
        _wide_engines(whole)
        | {"mtstore, checked": Contender("tests.benchmarks.contenders.with_mtstore:wide_checked", whole)}
        | {"floor": _floor("decode_and_touch", whole)},
        needs,
        (
            faster_than("pandas", 3.5),
            faster_than("polars align_frames", 4),
            faster_than("arcticdb", 2),
            at_most_times("floor", 2),
            _peak_target(),
        ),
        figures=("output_mib",),
    )
    return [
        wide,
        Case(
            "wide-ffill",
            "the same, filled forward",
            _engines("wide_ffill", whole, ("mtstore", "pandas", "polars")),
            needs,
            (at_most_times("mtstore", 1.3, case="wide-outer"),),
        ),
        Case(
            "wide-few",
            f"wide outer alignment, {scale.few_tickers} tickers, {scale.few_start} to {scale.few_end}",
            _wide_engines(few) | {"floor": _floor("decode_and_touch", few)},
            needs,
            (
                faster_than("pandas", 1),
                faster_than("polars align_frames", 1),
                faster_than("polars joins", 1),
                faster_than("arcticdb", 1),
            ),
        ),
        Case(
            "resample-5min",
            f"resample to 5 minutes, {everything}",
            _engines("five_minutes", whole) | _of_bars("five_minutes", whole) | {"floor": _floor("decode", whole)},
            needs,
            (faster_than("pandas", 2), faster_than("polars", 1.3), faster_than("arcticdb", 1)),
        ),
        Case(
            "resample-1d",
            f"resample to 1 day and align, {everything}",
            _engines("daily", whole) | _of_bars("daily", whole) | {"floor": _floor("decode", whole)},
            needs,
            (faster_than("pandas", 5),),
        ),
    ]


def _peak_target() -> Target:
    return at_most("mtstore: peak ≤ 1.5× the output + 500 MB", 1.0, "peak_of_allowed")


def _repeated(data: Data) -> Case:
    scale = data.scale
    ask = _ask(data, scale.tickers, scale.start, scale.end)
    module = "tests.benchmarks.contenders.with_mtstore"
    return Case(
        "repeated-frame",
        f"repeated load_data, nothing changed: {scale.tickers} tickers, {scale.start} to {scale.end}, checked",
        {
            "mtstore": Contender(f"{module}:wide_again", ask),
            "first, kept": Contender(f"{module}:wide_first", ask),
            "not kept": Contender(f"{module}:wide_checked", ask),
        },
        targets=(
            faster_than("first, kept", 20),
            at_most_seconds(0.05),
        ),
    )


def _derived(data: Data) -> Case:
    scale = data.scale
    ask = _ask(data, scale.tickers, scale.start, scale.end)
    return Case(
        "repeated-load",
        f"repeated load, nothing changed: tensor of {scale.tickers} tickers, {scale.start} to {scale.end}",
        {
            "mtstore": Contender("tests.benchmarks.contenders.with_mtstore:tensor_again", ask),
            "computed": Contender("tests.benchmarks.contenders.with_mtstore:tensor", ask),
        },
        targets=(faster_than("computed", 20), at_most_seconds(0.05)),
    )


def _points(data: Data) -> list[Case]:
    scale = data.scale
    some = {"store": str(data.partitions), "count": scale.partitions}
    many = {"store": str(data.many_partitions), "count": scale.many_partitions}

    def point(function: str, parameters: dict[str, Any] = some) -> Contender:
        return Contender(f"tests.benchmarks.contenders.points:{function}", parameters)

    return [
        Case(
            "point-read",
            f"one ticker, one day, warm, store of {scale.partitions:,} partitions",
            {
                "load_data": point("load_data"),
                "get_ticker_data": point("get_ticker_data"),
                "pandas, one file": point("pandas_read"),
                f"load_data, {scale.many_partitions:,} partitions": point("load_data", many),
            },
            ("partitions", "many_partitions"),
            (
                at_most_seconds(0.005, "load_data"),
                at_most_seconds(0.005, "get_ticker_data"),
                at_most_times("load_data", 1.25, f"load_data, {scale.many_partitions:,} partitions"),
            ),
        ),
        Case(
            "bars-query",
            f"a plain query on `bars`, store of {scale.partitions:,} files",
            {"Store.sql": point("bars_from_store"), "plain client": point("bars_from_client")},
            ("partitions",),
            (at_most_seconds(0.3, "Store.sql"), at_most_seconds(0.3, "plain client")),
        ),
        Case(
            "commit",
            f"a commit of one ticker's day, store of {scale.partitions:,} files",
            {"mtstore": point("commit")},
            ("partitions",),
            (at_most_seconds(0.5),),
        ),
        Case(
            "macro-many",
            f"aligned_outer of 10 tickers and a month, plain client, store of {scale.many_partitions:,} files",
            {"plain client": point("macro_from_client", many)},
            ("many_partitions",),
            (at_most_seconds(0.1, "plain client"),),
        ),
    ]


def _starts(data: Data) -> list[Case]:
    def start(function: str, **parameters: Any) -> Contender:
        return Contender(f"tests.benchmarks.contenders.lifecycle:{function}", parameters)

    return [
        Case(
            "start",
            "start-up of a fresh process",
            {
                "python, click": start("python_statements", statements="import click"),
                "import mtstore": start("python_statements", statements="import mtstore"),
                "mtstore --help": start("help_page"),
                "pandas, duckdb": start("python_statements", statements="import pandas, duckdb"),
                "load_data of a day": start("load_a_day", store=str(data.market), day="2023-01-04"),
            },
            targets=(
                at_most_seconds(0.15, "import mtstore", over="python, click"),
                at_most_seconds(0.15, "mtstore --help", over="python, click"),
                at_most_times("pandas, duckdb", 1.3, "load_data of a day"),
            ),
        )
    ]


def _ingest(data: Data) -> list[Case]:
    scale = data.scale
    files = {"folder": str(data.ingest_files), "scratch": str(data.root)}

    def of_days(function: str, days: int) -> Contender:
        return Contender(f"tests.benchmarks.contenders.lifecycle:{function}", files | {"days": days})

    quarter = max(scale.ingest_days // 4, 1)
    return [
        Case(
            "ingest",
            f"flat-file ingest, {scale.ingest_days} days × {scale.ingest_tickers:,} tickers",
            {
                "mtstore": of_days("ingest", scale.ingest_days),
                "a quarter of the days": of_days("ingest", quarter),
                "duckdb, bare CSV": of_days("bare_csv", scale.ingest_days),
            },
            ("ingest_files",),
            (
                at_most_times("duckdb, bare CSV", 3),
                at_most_of("memory: ≤ 1.25× that of a quarter of the days", 1.25, "peak_mib", "a quarter of the days"),
            ),
            figures=("rows",),
            runs_once=True,
        ),
        Case(
            "updates",
            f"{scale.update_days} daily updates of {scale.update_tickers:,} tickers",
            {
                "mtstore": Contender(
                    "tests.benchmarks.contenders.lifecycle:daily_updates",
                    {"folder": str(data.update_files), "scratch": str(data.root)},
                )
            },
            ("update_files",),
            (
                at_most("last fifth ≤ 1.3× the first fifth", 1.3, "growth", unit="×"),
                at_most("files per partition ≤ 8", 8, "files_per_partition"),
            ),
            figures=("first_fifth_seconds", "last_fifth_seconds", "slowest_seconds", "files_per_partition"),
            runs_once=True,
        ),
    ]


def _storage(data: Data) -> Case:
    return Case(
        "storage",
        "bytes a bar on disk",
        {
            "mtstore": Contender("tests.benchmarks.contenders.lifecycle:stored_bytes", {"store": str(data.market)}),
            "arcticdb": Contender("tests.benchmarks.contenders.lifecycle:arctic_bytes", {"arctic": str(data.arctic)}),
        },
        ("market", "arctic"),
        (
            at_most("≤ 14 bytes a bar", 14, "bytes_per_bar"),
            at_most_of("≤ 0.6× arcticdb", 0.6, "bytes_per_bar", "arcticdb"),
        ),
        figures=("bytes_per_bar", "rows"),
        runs_once=True,
    )


def _growth(data: Data) -> Case:
    scale = data.scale
    steps = {f"{count} tickers": count for count in scale.growth}
    first, last = f"{scale.growth[0]} tickers", f"{scale.growth[-1]} tickers"
    more = scale.growth[-1] / scale.growth[0]
    return Case(
        "growth",
        f"wide outer alignment of more and more tickers, {scale.start} to {scale.end}",
        {
            name: Contender(
                "tests.benchmarks.contenders.with_mtstore:wide_outer",
                _ask(data, count, scale.start, scale.end) | {"store": str(data.growth_market)},
            )
            for name, count in steps.items()
        },
        ("growth_market",),
        (
            at_most_times(first, 1.25 * more, last),
            at_most_of(f"memory of {last}: ≤ {1.25 * more:g}× {first}", 1.25 * more, "peak_mib", first, last),
        ),
        figures=("output_mib",),
    )


def _ask(data: Data, tickers: int, start: str, end: str) -> dict[str, Any]:
    is_cut = (start, end) != (data.scale.start, data.scale.end)
    places = {"store": str(data.market), "arctic": str(data.arctic)}
    return places | {"tickers": tickers, "start": start, "end": end, "is_cut": is_cut}


def _engines(function: str, ask: dict[str, Any], names: tuple[str, ...] = tuple(_MODULES)) -> dict[str, Contender]:
    return {name: Contender(f"tests.benchmarks.contenders.{_MODULES[name]}:{function}", ask) for name in names}


def _wide_engines(ask: dict[str, Any]) -> dict[str, Contender]:
    """Everybody; polars once as it offers it, and once by hand."""
    everybody = _engines("wide_outer", ask)
    by_hand = Contender("tests.benchmarks.contenders.with_polars:wide_joined", ask)
    return {
        new: contender
        for name, found in everybody.items()
        for new, contender in (
            {"polars align_frames": found, "polars joins": by_hand} if name == "polars" else {name: found}
        ).items()
    }


def _of_bars(function: str, ask: dict[str, Any]) -> dict[str, Contender]:
    """What we take without rollups."""
    return {"mtstore, no rollups": Contender(f"tests.benchmarks.contenders.with_mtstore:{function}_of_bars", ask)}


def _floor(function: str, ask: dict[str, Any]) -> Contender:
    return Contender(f"tests.benchmarks.contenders.floor:{function}", ask)
