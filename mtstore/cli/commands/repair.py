"""`mtstore repair`: what is damaged aside, what is lost forgotten, the database file anew."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import store_argument


@click.command(short_help="Set aside what is damaged, and go on.")
@store_argument
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(store: Path, *, quiet: bool) -> int:
    """Make STORE sound: look through it as `verify` does, then mend what was found.

    Damaged files are moved to STORE/damaged, under the paths that they had; nothing is deleted. What they held is
    marked as not fetched, so that the next load, update or ingest gets it again. The database file is made anew. On
    stdout stands one line for each problem that was mended. A store that could not be made sound ends in the exit
    code 11.
    """
    from mtstore.cli.console import count, put, say, say_warning
    from mtstore.cli.exit_codes import Exit
    from mtstore.cli.progress import show_file_progress
    from mtstore.storage.layout import Layout
    from mtstore.storage.maintenance.repair import repair

    with show_file_progress(is_quiet=quiet) as progress:
        done = repair(Layout(store.expanduser().resolve()), progress)
    for problem in done.problems:
        put(f"{problem.path}: {problem.problem}\n")
    for lost in done.lost:
        say(f"not fetched any more: {lost.ticker} {lost.schema} of {lost.source}, {count(len(lost.ranges), 'range')}")
    if done.folder is not None:
        say(f"{count(len(done.set_aside), 'file')} moved to {done.folder}")
    for problem in done.remaining:
        say_warning(f"still wrong: {problem}")
    say(
        f"{count(len(done.problems), 'problem')} mended; snapshot {done.snapshot}"
        if done.problems
        else "nothing to repair"
    )
    return Exit.DAMAGED if done.remaining else Exit.OK
