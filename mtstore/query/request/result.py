"""The result of a statement, computed when it is read, in the shape that is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from mtstore.errors import InputError, MemoryLimitError, MtstoreError, QueryError, StoreError
from mtstore.query.request.durations import month_columns, with_durations
from mtstore.storage.reading.read_errors import unreadable_file

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from mtstore.storage.repository import Repository

Parameters = Sequence[Any] | Mapping[str, Any] | None


class Result:
    """A statement over the store's newest snapshot; it runs when one of the `to_…` methods is called.

    Instants are TIMESTAMPTZ in UTC, spans of time (INTERVAL) are durations; prices are in quote currency.
    """

    def __init__(self, store: Repository, statement: str, parameters: Parameters = None) -> None:
        self._store = store
        self._statement = statement
        self._parameters = parameters

    def to_arrow(self) -> pa.Table:
        """Return the result as an Arrow table.

        Raises
        ------
        QueryError
            DuckDB rejected the statement; its text is the message.
        SnapshotExpiredError
            A data file of the snapshot is gone: the reader outlived the grace period.
        StoreError
            A data file was lost or damaged.
        """
        with self._connection() as connection:
            return with_durations(self._relation(connection).to_arrow_table())

    def to_pandas(self) -> pd.DataFrame:
        """Return the result as a pandas DataFrame; errors as in `to_arrow`."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the result as a polars DataFrame; errors as in `to_arrow`.

        mtstore does not install polars: without it, this is an InputError. A column that counts months is a QueryError:
        polars has no type for it.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise InputError("to_polars needs polars, which mtstore does not install: pip install polars") from error
        table = self.to_arrow()
        for name in month_columns(table):
            raise QueryError(f"column {name!r} counts months, which polars has no type for; CAST({name} AS VARCHAR)")
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame):
            raise TypeError(f"polars made {type(frame).__name__} of a table")
        return frame

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return one array per column, NULL as NaN; errors as in `to_arrow`."""
        table = self.to_arrow()
        return {name: table[name].to_numpy() for name in table.column_names}

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return rows of DuckDB's Python values: instants in UTC, spans as timedelta (a month as 30 days).

        Errors as in `to_arrow`.
        """
        # Not a relation: that is planned when it is made and again when it runs, which counts for views of many files.
        with self._connection() as connection:
            cursor = connection.execute(self._statement, self._parameters)
            if cursor.description is None:
                raise self._no_rows()
            return self._rows(cursor)

    def __repr__(self) -> str:
        text = " ".join(line for line in self._statement.split("\n") if not line.startswith("--"))
        return f"Result({shorten(text, 100, placeholder=' …')!r})"

    def _rows(self, cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._store.connection() as connection, mapped_errors():
            yield connection

    def _relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        relation = connection.sql(self._statement, params=self._parameters)
        if relation is None:
            raise self._no_rows()
        return relation

    def _no_rows(self) -> QueryError:
        return QueryError(f"the statement returns no rows: {self._statement.strip()[:200]}")


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise DuckDB's errors as mtstore's; the only place where their classes are mapped."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryLimitError(str(error)) from error
    except (duckdb.BinderException, duckdb.ParserException) as error:
        raise QueryError(str(error)) from error
    except duckdb.Error as error:
        raise reading_error(error) from error


def reading_error(error: Exception) -> MtstoreError:
    """Return the error for what failed while rows were read: a data file, or the statement."""
    import duckdb

    if (unread := unreadable_file(error)) is not None:
        return unread
    if type(error) is duckdb.Error:  # decoding errors have no class of their own, and name no file
        return StoreError(
            "a data file seems to be damaged; `mtstore verify` says which, "
            f"and `mtstore repair` sets it aside, so that its range can be ingested again: {error}"
        )
    # The macros' own checks raise whole sentences.
    return QueryError(str(error).removeprefix("Invalid Input Error: "))
