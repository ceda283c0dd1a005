"""`mtstore repair`: set damaged files aside and rebuild the database file."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import quiet_option, store_argument


@click.command(short_help="Set damaged files aside, and rebuild.")
@store_argument
@quiet_option
def command(store: Path, *, quiet: bool) -> int:
    """Check STORE as `verify` does, and repair what it finds.

    Damaged files are moved to STORE/damaged under their paths; nothing is deleted. Their ranges are marked as not
    fetched, so that the next load, update or ingest fetches them again. The database file is rebuilt. Stdout has one
    line for each repaired problem. Exit code 11: problems remain.
    """
    from mtstore.cli.console import count, echo, echo_warning, write_stdout
    from mtstore.cli.exit_codes import Exit
    from mtstore.cli.progress import show_file_progress
    from mtstore.storage.layout import Layout
    from mtstore.storage.maintenance.repair import repair

    with show_file_progress(is_quiet=quiet) as progress:
        done = repair(Layout(store.expanduser().resolve()), progress)
    for problem in done.problems:
        write_stdout(f"{problem.path}: {problem.problem}\n")
    for lost in done.lost:
        echo(f"no longer covered: {lost.ticker} {lost.schema} of {lost.source}, {count(len(lost.ranges), 'range')}")
    if done.folder is not None:
        echo(f"{count(len(done.set_aside), 'file')} moved to {done.folder}")
    for problem in done.remaining:
        echo_warning(f"not repaired: {problem}")
    echo(
        f"{count(len(done.problems), 'problem')} repaired; snapshot {done.snapshot}"
        if done.problems
        else "nothing to repair"
    )
    return Exit.DAMAGED if done.remaining else Exit.OK
