"""`mtstore verify`: check every byte of a store."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.options import quiet_option, store_argument


@click.command(short_help="Check every byte of a store.")
@store_argument
@quiet_option
def command(store: Path, *, quiet: bool) -> int:
    """Read every file of STORE to the last byte and compare files, metadata and log.

    Each data file is compared with its checksum, footer, folder and metadata; coverage with rows; the database file
    with the commit log; the public copy with the private one. Nothing changes, and readers and writers are not blocked.
    Stdout has one line per problem: the file, what is wrong, and what to do. Exit code 11: there are problems.
    """
    from mtstore.cli.console import bytes_text, count, echo, echo_warning, write_stdout
    from mtstore.cli.exit_codes import Exit
    from mtstore.cli.progress import show_file_progress
    from mtstore.storage.layout import Layout
    from mtstore.storage.maintenance.verify import verify

    with show_file_progress(is_quiet=quiet) as progress:
        found = verify(Layout(store.expanduser().resolve()), progress)
    for problem in found.problems:
        write_stdout(f"{problem}\n")
    for note in found.notes:
        echo_warning(note)
    echo(
        f"{count(found.files, 'file')}, {count(found.rows, 'row')}, {bytes_text(found.bytes)} read: "
        + (count(len(found.problems), "problem") if found.problems else "no problem")
    )
    return Exit.OK if found.is_sound else Exit.DAMAGED
