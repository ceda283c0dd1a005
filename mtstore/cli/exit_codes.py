"""The exit codes of the command line, their reasons, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from mtstore import errors


class Exit(IntEnum):
    """An exit code; `reason` is its line in the help."""

    reason: str

    def __new__(cls, code: int, reason: str) -> Exit:
        """Create an exit code with its reason."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        return member

    OK = 0, "everything was done as requested"
    FAILED = 1, "the system rejected it: no permission, no space, an unreadable file"
    USAGE = 2, "an option, a name, a range or the configuration is not valid"
    INCOMPLETE = 3, "done, but not all: files rejected, rows quarantined, ranges that a vendor does not give"
    STORE = 4, "no store at that path, or it cannot be used as it is"
    LOCKED = 5, "another process is writing; the same command may work later"
    REJECTED = 6, "the input was rejected; nothing of it was stored"
    SOURCE = 7, "a vendor could not be reached, or rejected the request"
    MISSING = 8, "the store does not cover the requested range"
    QUERY = 9, "DuckDB rejected the statement"
    MEMORY = 10, "the result would exceed the memory limit"
    DAMAGED = 11, "the store is damaged; the output names the files; see `repair`"
    INTERRUPTED = 130, "stopped by Ctrl-C; committed data stays"
    BROKEN_PIPE = 141, "the reader of the output stopped reading"


_BY_ERROR: Final[tuple[tuple[type[BaseException], Exit], ...]] = (
    (errors.InputError, Exit.USAGE),
    (errors.StoreLockedError, Exit.LOCKED),
    (errors.StoreError, Exit.STORE),
    (errors.IngestError, Exit.REJECTED),
    (errors.SourceError, Exit.SOURCE),
    (errors.MissingDataError, Exit.MISSING),
    (errors.MemoryLimitError, Exit.MEMORY),
    (errors.QueryError, Exit.QUERY),
)


def exit_for(error: BaseException) -> Exit:
    """Return the exit code of an error; FAILED if none is more specific."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def describe_exits() -> str:
    """Return all codes with their reasons, one a line."""
    return "\n".join(f"{code.value:>4}  {code.reason}" for code in Exit)
