"""Every error that mtstore raises, in one tree.

    MtstoreError
    ├── InputError                 an argument, file or name is not valid (also a ValueError)
    │   ├── ConfigError            a configuration is not valid; lists every problem with its path
    │   ├── IntervalError          a bar interval cannot be read, or the stored bars do not divide it
    │   ├── RangeError             bounds cannot be read, or start is at or after end
    │   └── TickerError            a name that no ticker can have, or that the store does not have
    ├── StoreError                 the store on disk
    │   ├── StoreNotFoundError     no store at that path
    │   ├── StoreMovedError        the store was created at another path
    │   ├── StoreLockedError       another process held the write lock for longer than the timeout
    │   ├── StoreFormatError       created by a version of mtstore with another format
    │   ├── CommitError            a commit failed its own checks; nothing was changed
    │   └── SnapshotExpiredError   a reader outlived the grace period of the files it reads
    ├── IngestError                rejected input; names file, place and what is valid
    │   ├── UnrecognisedFileError  the file's format is unknown
    │   ├── BrokenFileError        truncated, undecodable, or a column is missing
    │   ├── UnsupportedSchemaError a schema that is not bars
    │   └── SourceMismatchError    another vendor or dataset than the source is bound to
    ├── SourceError                a vendor over the network
    │   ├── SourceAuthError        the key was rejected or has no access; never retried
    │   ├── SourceRequestError     the vendor rejected the request (4xx); never retried
    │   ├── SourceUnavailableError 429, 5xx, timeouts, cut connections, after all retries
    │   ├── SourceAnswerError      a response is cut, undecodable or contradicts itself
    │   └── CostLimitError         the fetch would cost more than allowed
    ├── MissingDataError           a requested range that the store does not cover
    ├── DataQualityError           a load has gaps or outliers, and its configuration says raise
    ├── MemoryLimitError           the result does not fit into the allowed memory
    └── QueryError                 DuckDB rejected a statement; its text is the message

Messages name the value, its place and what is valid. Vendor and DuckDB errors are mapped where they occur and chained
(`raise … from error`). No message has a key or a URL with credentials.
"""

from __future__ import annotations

__all__ = [
    "BrokenFileError",
    "CommitError",
    "ConfigError",
    "CostLimitError",
    "DataQualityError",
    "IngestError",
    "InputError",
    "IntervalError",
    "MemoryLimitError",
    "MissingDataError",
    "MtstoreError",
    "QueryError",
    "RangeError",
    "SnapshotExpiredError",
    "SourceAnswerError",
    "SourceAuthError",
    "SourceError",
    "SourceMismatchError",
    "SourceRequestError",
    "SourceUnavailableError",
    "StoreError",
    "StoreFormatError",
    "StoreLockedError",
    "StoreMovedError",
    "StoreNotFoundError",
    "TickerError",
    "UnrecognisedFileError",
    "UnsupportedSchemaError",
]


class MtstoreError(Exception):
    """The base of every error that mtstore raises."""


class InputError(MtstoreError, ValueError):
    """An argument, a file or a name is not valid."""


class ConfigError(InputError):
    """A configuration is not valid; `problems` lists every problem with its path in the YAML."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class IntervalError(InputError):
    """A bar interval cannot be read, or the stored bars do not divide it."""


class RangeError(InputError):
    """Bounds cannot be read, or start is at or after end."""


class TickerError(InputError):
    """A name that no ticker can have, or that the store does not have."""


class StoreError(MtstoreError):
    """The base of errors of the store on disk."""


class StoreNotFoundError(StoreError):
    """There is no store at that path."""


class StoreMovedError(StoreError):
    """The store was created at another path, which its views name."""


class StoreLockedError(StoreError):
    """Another process held the write lock for longer than the timeout."""


class StoreFormatError(StoreError):
    """The store was created by a version of mtstore with another format."""


class CommitError(StoreError):
    """A commit failed its own checks; nothing was changed."""


class SnapshotExpiredError(StoreError):
    """A reader outlived the grace period: files of its snapshot are gone."""


class IngestError(MtstoreError):
    """Input was rejected; the message names file, place and what is valid."""


class UnrecognisedFileError(IngestError):
    """The file's format is unknown."""


class BrokenFileError(IngestError):
    """The file is truncated or undecodable, or a column is missing."""


class UnsupportedSchemaError(IngestError):
    """The file holds a schema that mtstore does not store."""


class SourceMismatchError(IngestError):
    """The input comes from another vendor or dataset than the one its source is bound to."""


class SourceError(MtstoreError):
    """The base of errors of a vendor over the network; `reason` is the vendor's own words, if it answered."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class SourceAuthError(SourceError):
    """The vendor rejected the key, or the key has no access to the data."""


class SourceRequestError(SourceError):
    """The vendor rejected the request."""


class SourceUnavailableError(SourceError):
    """The vendor could not be reached or was too busy, after all retries."""


class SourceAnswerError(SourceError):
    """The vendor's response is cut, undecodable, or contradicts itself."""


class CostLimitError(SourceError):
    """The fetch would cost more than allowed."""


class MissingDataError(MtstoreError):
    """The store does not cover a requested range."""


class DataQualityError(MtstoreError):
    """A load has gaps or outliers beyond its limits, and `validation.on_failure` is `raise`."""


class MemoryLimitError(MtstoreError):
    """The result does not fit into the allowed memory."""


class QueryError(MtstoreError):
    """DuckDB rejected a statement."""
