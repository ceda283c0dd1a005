"""Every error that mtstore raises, in one tree.

    MtstoreError
    ├── InputError                 an argument, file or name that cannot be right (also a ValueError)
    │   ├── ConfigError            a configuration file or mapping; lists every problem with its path
    │   ├── IntervalError          "5T", "0min", an interval the stored bars cannot give
    │   ├── RangeError             bounds that cannot be read, start at or after end
    │   └── TickerError            a name no ticker can have, or one the store does not know
    ├── StoreError                 the store as a place on disk
    │   ├── StoreNotFoundError     no store at that path
    │   ├── StoreMovedError        the store lies at another path than it was made at
    │   ├── StoreLockedError       another process held the write lock for longer than the timeout
    │   ├── StoreFormatError       made by a version of mtstore with another format
    │   ├── CommitError            a commit that failed its own checks, and changed nothing
    │   └── SnapshotExpiredError   a reader outlived the grace period of the files it reads
    ├── IngestError                input that was refused; says file, place and what would be right
    │   ├── UnrecognisedFileError  no known format
    │   ├── BrokenFileError        truncated, undecodable, a missing column
    │   ├── UnsupportedSchemaError a schema that is not bars
    │   └── SourceMismatchError    another vendor or dataset than the source is bound to
    ├── SourceError                a vendor over the network
    │   ├── SourceAuthError        key refused or not entitled; never retried
    │   ├── SourceRequestError     the vendor says the request is wrong (4xx); never retried
    │   ├── SourceUnavailableError 429, 5xx, timeouts, cut connections, after all retries
    │   ├── SourceAnswerError      an answer that is cut, undecodable or contradicts itself
    │   └── CostLimitError         the fetch would cost more than was allowed
    ├── MissingDataError           a range was asked for that the store does not cover
    ├── DataQualityError           a load has gaps or outliers, and its configuration says raise
    ├── MemoryLimitError           the answer would not fit into the memory allowed
    └── QueryError                 a statement that DuckDB refused (its text is the message)

Messages name the value, the place and what would be right. Vendor and DuckDB errors are mapped where they
are met and chained (`raise … from error`). No message carries a key or a URL with credentials.
"""

from __future__ import annotations


class MtstoreError(Exception):
    """The base of every error that mtstore raises on purpose."""


class InputError(MtstoreError, ValueError):
    """An argument, a file or a name that cannot be right."""


class ConfigError(InputError):
    """A configuration that cannot be right; `problems` lists all of them, each with its path in the YAML."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class IntervalError(InputError):
    """A bar interval that cannot be read, or that the stored bars cannot give."""


class RangeError(InputError):
    """Bounds that cannot be read, or a start at or after its end."""


class TickerError(InputError):
    """A name that no ticker can have, or that the store does not know."""


class StoreError(MtstoreError):
    """The store as a place on disk."""


class StoreNotFoundError(StoreError):
    """There is no store at that path."""


class StoreMovedError(StoreError):
    """The store lies at another path than the one its views name."""


class StoreLockedError(StoreError):
    """Another process held the write lock for longer than the timeout."""


class StoreFormatError(StoreError):
    """The store was made by a version of mtstore with another format."""


class CommitError(StoreError):
    """A commit failed its own checks; nothing was changed."""


class SnapshotExpiredError(StoreError):
    """A reader outlived the grace period: files of its generation are gone."""


class IngestError(MtstoreError):
    """Input that was refused; says file, place and what would be right."""


class UnrecognisedFileError(IngestError):
    """The file is of no format that mtstore knows."""


class BrokenFileError(IngestError):
    """The file is truncated, cannot be decoded, or lacks a column."""


class UnsupportedSchemaError(IngestError):
    """The file holds a schema that mtstore does not store."""


class SourceMismatchError(IngestError):
    """The input comes from another vendor or dataset than the one its source is bound to."""


class SourceError(MtstoreError):
    """A vendor over the network."""


class SourceAuthError(SourceError):
    """The vendor refused the key, or the key is not entitled to the data."""


class SourceRequestError(SourceError):
    """The vendor says that the request itself is wrong."""


class SourceUnavailableError(SourceError):
    """The vendor could not be reached or was too busy, after all retries."""


class SourceAnswerError(SourceError):
    """The vendor's answer is cut, undecodable, or contradicts itself."""


class CostLimitError(SourceError):
    """The fetch would cost more than was allowed."""


class MissingDataError(MtstoreError):
    """A range was asked for that the store does not cover."""


class DataQualityError(MtstoreError):
    """A load has gaps or outliers beyond its limits, and `validation.on_failure` is `raise`."""


class MemoryLimitError(MtstoreError):
    """The answer would not fit into the memory allowed."""


class QueryError(MtstoreError):
    """A statement that DuckDB refused."""
