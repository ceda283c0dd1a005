"""`mtstore load`: one aligned table of many tickers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.options import FILE, Output, Tickers, end_option, output_options, start_option, store_argument
from mtstore.config.choices import ADJUSTMENTS, METHODS, ON_MISSING, PARTIALS, SESSIONS

if TYPE_CHECKING:
    from mtstore.config import Config


@click.command(short_help="Load one aligned table of many tickers.")
@store_argument
@click.option("--config", "config_file", type=FILE, help="Universe and alignment; the options below override it.")
@click.option("--tickers", type=Tickers(), help="Tickers of the columns, in this order.")
@start_option
@end_option
@click.option("--interval", "resampling", metavar="INTERVAL", help="30s 1min 5min 1h 1d 1w 1mo  [default: 1min]")
@click.option("--method", type=click.Choice(METHODS), help="[default: outer_join]")
@click.option("--timezone", metavar="TZ", help="Zone of index and naive times  [default: America/New_York]")
@click.option("--session", type=click.Choice(SESSIONS), help="[default: regular]")
@click.option("--adjust", type=click.Choice(ADJUSTMENTS), help="[default: none]")
@click.option("--partial", type=click.Choice(PARTIALS),
              help="Buckets that reach beyond the range: left out, or cut to it.  [default: drop]")  # fmt: skip
@click.option("--fields", type=Tickers(), metavar="A,B",
              help="Of open, high, low, close, volume, vwap, transactions  [default: the first five]")  # fmt: skip
@click.option("--on-missing", type=click.Choice(ON_MISSING),
              help="A range that the store does not cover: exit code 8, or a warning.  [default: raise]")  # fmt: skip
@output_options
def command(
    store: Path,
    *,
    config_file: Path | None,
    tickers: list[str] | None,
    start: str | None,
    end: str | None,
    fields: list[str] | None,
    on_missing: str | None,
    output: Output,
    **alignment: str | None,
) -> None:
    """Load the tickers of a configuration, or those named, from STORE as one table on one grid.

    One row per bucket, columns AAPL_open … GOOGL_volume: the same rows as `MultiTickerDataLoader.load_data` in Python
    and the macro of the same name in SQL.

    \b
    Examples:
      mtstore load ./market --config configs/quickstart.yaml --start 2023-01-01 --end 2023-12-31 -o year.parquet
      mtstore load ./market --tickers AAPL,MSFT --interval 5min --start 2023-01-03 --end 2023-01-03 --format csv
    """
    import pyarrow as pa

    config = _config(store, config_file, tickers, on_missing, alignment)
    with mtstore.MultiTickerDataLoader(config) as loader:
        frame = loader.load_data(start, end, tickers=tickers, fields=fields)
    output.write_table(pa.Table.from_pandas(frame.reset_index(), preserve_index=False))


def _config(
    store: Path,
    file: Path | None,
    tickers: list[str] | None,
    on_missing: str | None,
    alignment: dict[str, str | None],
) -> Config:
    from mtstore.config import load_config, with_changes
    from mtstore.errors import InputError

    if file is None and tickers is None:
        raise InputError("load: give the tickers, --config FILE or --tickers A,B")
    changes = {key: value for key, value in alignment.items() if value is not None}
    if file is None:
        return with_changes(load_config({"store": store}), on_missing=on_missing, alignment=changes)
    return with_changes(load_config(file), store=store, on_missing=on_missing, alignment=changes)
