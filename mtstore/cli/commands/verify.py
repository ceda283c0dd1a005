"""`mtstore verify`: is everything as it was written?"""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import store_argument


@click.command(short_help="Check every byte of a store.")
@store_argument
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(store: Path, *, quiet: bool) -> int:
    """Read STORE from the first to the last byte and hold everything in it against everything else.

    Every data file against its seal, its footer, its folder and the metadata; coverage against rows; the database file
    against the commit log; the public copy against the private one. Nothing is changed, and nobody is kept from
    reading or writing meanwhile. On stdout stands one line for each problem: the file, what is wrong with it, and what
    to do. A store with problems ends in the exit code 11.
    """
    from mtstore.cli.console import bytes_text, count, put, say, say_warning
    from mtstore.cli.exit_codes import Exit
    from mtstore.cli.progress import show_file_progress
    from mtstore.storage.layout import Layout
    from mtstore.storage.maintenance.verify import verify

    with show_file_progress(is_quiet=quiet) as progress:
        found = verify(Layout(store.expanduser().resolve()), progress)
    for problem in found.problems:
        put(f"{problem}\n")
    for note in found.notes:
        say_warning(note)
    say(
        f"{count(found.files, 'file')}, {count(found.rows, 'row')}, {bytes_text(found.bytes)} read: "
        + (count(len(found.problems), "problem") if found.problems else "no problem")
    )
    return Exit.OK if found.is_sound else Exit.DAMAGED
