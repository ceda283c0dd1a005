"""`mtstore status`: list the stored series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.options import Output, output_options, store_argument

if TYPE_CHECKING:
    import pyarrow as pa


@click.command(short_help="List the stored series.")
@store_argument
@output_options
def command(store: Path, *, output: Output) -> None:
    """List every stored series of STORE: ticker, source, schema, bars, files, size, first and last bar, calendar."""
    from mtstore.cli.console import bytes_text, count, echo

    with mtstore.open(store) as found:
        series = found.status().to_arrow()
        echo(
            f"{found.path}: snapshot {found.repository.layout.newest_snapshot()}, {series.num_rows:,} series, "
            f"{count(_total(series, 'bars'), 'bar')}, {bytes_text(_total(series, 'bytes'))}"
        )
        output.write_table(series)


def _total(series: pa.Table, column: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(series[column]).as_py() or 0)
