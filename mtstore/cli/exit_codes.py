"""How the command line ends: each exit code with its reason, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from mtstore import errors


class Exit(IntEnum):
    """The exit codes; `reason` is what the help says."""

    reason: str

    def __new__(cls, code: int, reason: str) -> Exit:
        """An exit code that carries its reason."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        return member

    OK = 0, "everything that was asked for was done"
    FAILED = 1, "the system refused: no permission, no space, an unreadable file"
    USAGE = 2, "an option, a name, a range or the configuration cannot be right"
    INCOMPLETE = 3, "done, but some files were refused or some rows quarantined"
    STORE = 4, "there is no store at that path, or it cannot be used as it is"
    LOCKED = 5, "another process is writing; the same command may work later"
    REFUSED = 6, "the input was refused; nothing of it went in"
    SOURCE = 7, "a vendor could not be reached, or refused"
    MISSING = 8, "the store does not cover the range that was asked for"
    QUERY = 9, "DuckDB refused the statement"
    MEMORY = 10, "the answer would not fit into the memory allowed"
    DAMAGED = 11, "the store is damaged; the output says where, and `repair` what can be done"
    INTERRUPTED = 130, "stopped by Ctrl-C; what was committed stays"
    BROKEN_PIPE = 141, "whoever read the output stopped reading"


_BY_ERROR: Final[tuple[tuple[type[BaseException], Exit], ...]] = (
    (errors.InputError, Exit.USAGE),
    (errors.StoreLockedError, Exit.LOCKED),
    (errors.StoreError, Exit.STORE),
    (errors.IngestError, Exit.REFUSED),
    (errors.SourceError, Exit.SOURCE),
    (errors.MissingDataError, Exit.MISSING),
    (errors.MemoryLimitError, Exit.MEMORY),
    (errors.QueryError, Exit.QUERY),
)


def exit_for(error: BaseException) -> Exit:
    """The exit code of an error; FAILED for those that say nothing closer."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def describe_exits() -> str:
    """All codes, one a line."""
    return "\n".join(f"{code.value:>4}  {code.reason}" for code in Exit)
