"""Write messages to stderr and data to stdout."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def echo(text: str = "") -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def echo_error(text: str) -> None:
    """Write an error to stderr."""
    echo(f"mtstore: error: {text}")


def echo_warning(text: str) -> None:
    """Write a warning to stderr."""
    echo(f"mtstore: warning: {text}")


def write_stdout(text: str) -> None:
    """Write data to stdout."""
    sys.stdout.write(text)


def show_warnings_as_lines() -> None:
    """Show Python's warnings as one line each, without file and line of the code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        echo_warning(str(message))

    warnings.showwarning = show


def count(number: int, noun: str) -> str:
    """Return a count with its noun: `1 file`, `1,234 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def bytes_text(size: float) -> str:
    """A size for people: `13.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"
