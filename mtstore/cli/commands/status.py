"""`mtstore status`: what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.options import output_options, store_argument

if TYPE_CHECKING:
    import pyarrow as pa


@click.command(short_help="Show what is stored.")
@store_argument
@output_options
def command(store: Path, format_: str | None, output: Path | None, rows: int) -> None:
    """Show every stored series of STORE: ticker, source, schema, bars, files, size, first and last bar, calendar."""
    from mtstore.cli.console import bytes_text, count, say
    from mtstore.cli.formats import choose_format, write_result

    kind = choose_format(format_, output)
    with mtstore.open(store) as found:
        series = found.status().to_arrow()
        say(
            f"{found.path}: snapshot {found.repository.layout.newest_snapshot()}, {series.num_rows:,} series, "
            f"{count(_total(series, 'bars'), 'bar')}, {bytes_text(_total(series, 'bytes'))}"
        )
        table_rows = rows if rows and output is None else None
        write_result(series.schema, series.to_batches(), kind, output, table_rows=table_rows)


def _total(series: pa.Table, column: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(series[column]).as_py() or 0)
