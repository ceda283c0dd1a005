"""Group the files of a schema with very many of them by ticker, so that a macro reads a short list.

A ticker's group is the beginning of its name's md5, which SQL can compute from the arguments of a call.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtstore import sqlfiles
from mtstore.sqlfiles import Sql, identifier, literal
from mtstore.storage.layout import decode_ticker

GROUPED_ABOVE: Final = 2_000
"""A schema with more files than this is grouped; the whole list would cost a query some 40 ms."""

_MANY: Final = 20_000
_TICKER: Final = "ticker="


@dataclass(frozen=True, slots=True)
class FileGroups:
    """The groups of one schema.

    Attributes
    ----------
    view
        The schema's view over all files, without `core.`.
    digits
        How many hexadecimal digits name a group.
    """

    schema: str
    view: str
    digits: int
    paths: Sequence[str]
    root: Path
    is_daily: bool

    @classmethod
    def of(cls, schema: str, view: str, paths: Sequence[str], root: Path, *, is_daily: bool) -> FileGroups | None:
        """Return the groups of a schema; None if its files are few enough for one list."""
        if len(paths) <= GROUPED_ABOVE:
            return None
        return cls(schema, view, 2 if len(paths) <= _MANY else 3, paths, root, is_daily)

    @property
    def source(self) -> Sql:
        """The source that a macro with a parameter `tickers` reads instead of the view."""
        return sqlfiles.load("parts/picked_bars", name=identifier(self._statement_name))

    def texts(self) -> Iterator[Sql]:
        """Yield the statements that create the groups, and the macro that picks from them."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            name = decode_ticker(path.split(_TICKER, 1)[1].split("/", 1)[0])
            groups[hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[: self.digits]].append(path)
        for number in range(16**self.digits):
            digits = f"{number:0{self.digits}x}"
            name = f"{self._prefix}{digits}"
            yield sqlfiles.load(
                "parts/file_group",
                name=identifier(name),
                plain_name=Sql(name),
                plain_schema=Sql(self.schema),
                digits=Sql(digits),
                paths=literal([f"{self.root}/{path}" for path in groups.get(digits, ())]),
            )
        yield self._picking()

    @property
    def _prefix(self) -> str:
        return self.view.replace("bars_", "files_", 1) + "_"

    @property
    def _statement_name(self) -> str:
        return f"{self.view}_of"

    def _picking(self) -> Sql:
        statement = sqlfiles.load(
            "parts/grouped_statement",
            year=sqlfiles.load("parts/year_of_ts_event" if self.is_daily else "parts/year_of_path"),
            any_file=literal(str(self.root / self.paths[0])),
            year_type=Sql("" if self.is_daily else ", 'year': INTEGER"),
        )
        return sqlfiles.load(
            "parts/grouped_bars",
            name=identifier(self._statement_name),
            plain_name=Sql(self._statement_name),
            plain_schema=Sql(self.schema),
            most_tickers=literal(16**self.digits // 2),
            statement=literal(str(statement)),
            group_prefix=literal(f"core.{self._prefix}"),
            digits=literal(self.digits),
            whole=literal(str(sqlfiles.load("parts/whole_bars", view=identifier(self.view)))),
        )
