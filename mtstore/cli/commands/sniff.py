"""`mtstore sniff`: propose how to read files, and show what would be stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import mtstore
from mtstore.cli.console import echo, write_stdout
from mtstore.cli.exit_codes import Exit
from mtstore.cli.options import FILE

if TYPE_CHECKING:
    from mtstore.ingest.sniff.result import SniffResult


@click.command(short_help="Propose how to read your own files.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--schema", metavar="SCHEMA", help="Width of the bars, if you know it: ohlcv-1m, ohlcv-1d, …")
@click.option("--ticker", metavar="NAME", help="The ticker of all rows.")
@click.option("--tz", metavar="ZONE", help="The zone of times without one.")
@click.option("-o", "--output", type=FILE, help="Save the mapping in FILE, for `ingest --map FILE`.")
def command(
    paths: tuple[Path, ...], *, schema: str | None, ticker: str | None, tz: str | None, output: Path | None
) -> int:
    """Propose a mapping for the parquet and CSV files, folders and globs PATH…, and store nothing.

    It prints the mapping as YAML, each key with what was seen; then the first rows as they would be stored, how many
    rows would be quarantined, and what is not sure. A key that files do not show, such as the zone of times without
    sessions, has the value CHOOSE: write a value before you ingest. Files in a folder may have several layouts, each
    with a mapping of its own: -o mine.yaml saves mine-1.yaml, mine-2.yaml, …

    \b
    Examples:
      mtstore sniff mine.csv
      mtstore sniff folder -o mine.yaml && mtstore ingest ./market folder --map mine.yaml
      mtstore ingest ./market folder --guess      the same in one step: it shows the proposal, and asks
    """
    found = mtstore.sniff(paths, schema=schema, ticker=ticker, tz=tz)
    write_stdout(f"{found}\n")
    if output is not None:
        _save(found, output)
    return Exit.INCOMPLETE if any(path in found.others for path in paths) else Exit.OK


def _save(found: SniffResult, output: Path) -> None:
    if len(found.layouts) < 2:
        output.write_text(found.yaml, encoding="utf-8")
        echo(f"saved: {output}")
        return
    for number, layout in enumerate(found.layouts, start=1):
        path = output.with_stem(f"{output.stem}-{number}")
        path.write_text(layout.yaml, encoding="utf-8")
        echo(f"saved: {path}, for {len(layout.files):,} files such as {layout.files[0]}")
