"""Where the command line's words go: stderr, one plain line each; stdout is for data alone."""

from __future__ import annotations

import sys
import warnings
from typing import Any, TextIO


def say(text: str = "") -> None:
    """A line for the person at the terminal, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_error(text: str) -> None:
    """What went wrong, on stderr."""
    say(f"mtstore: error: {text}")


def say_warning(text: str) -> None:
    """What may be wrong, on stderr."""
    say(f"mtstore: warning: {text}")


def put(text: str) -> None:
    """Data as text, on stdout."""
    sys.stdout.write(text)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`."""
    return stream.isatty()


def show_warnings_as_lines() -> None:
    """Python's warnings as one line each, without the file and line of the code that gave them."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say_warning(str(message))

    warnings.showwarning = show


def count(number: int, noun: str) -> str:
    """`1 file`, `1,234 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def bytes_text(size: float) -> str:
    """A size for people: `13.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"
