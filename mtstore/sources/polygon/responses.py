"""Read Polygon's JSON strictly: a response that contradicts itself is an error, never a shorter response."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mtstore.bars import VALUE_COLUMNS
from mtstore.sources.http.failures import reject

if TYPE_CHECKING:
    from mtstore.sources.polygon.client import WholeResponse

# Wire name of each value column.
_VALUES = dict(zip(VALUE_COLUMNS, ("o", "h", "l", "c", "v", "vw", "n"), strict=True))
_AGGREGATES_PATH = re.compile(r"/v2/aggs/ticker/([^/]+)/range/1/([a-z]+)/([^/]+)/([^/]+)\Z")
_NO_TIME_US = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NextPage:
    """The address of the next page: the bounds in its path, if any, and its query without a key."""

    start: str | None
    end: str | None
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results, whose count was checked: bars as columns (see `columns_of`), references as rows."""

    rows: Sequence[Mapping[str, Any]]
    ticker: str | None
    is_delayed: bool
    request_id: str | None
    next_page: NextPage | None
    columns: Mapping[str, Any] = field(default_factory=dict)


def read_aggregates(response: WholeResponse, *, ticker: str, span: str) -> Page:
    """Read a page of unadjusted bars.

    Raises
    ------
    AttemptError
        The response is not JSON, its count differs from its rows, it is adjusted, or its next page is of other bars.
    """
    body = _read_object(response)
    # Answers about indices may be without `adjusted` and `ticker`.
    if body.get("adjusted", False) is not False:
        _reject(f"bars are adjusted={body.get('adjusted')!r}; unadjusted ones were requested", body)
    rows = _read_rows(body)
    counted = body.get("resultsCount")
    if isinstance(counted, bool) or not isinstance(counted, int):
        _reject(f"resultsCount is {counted!r}, so it is unknown whether the response is complete", body)
    if counted != len(rows):
        _reject(f"the response holds {len(rows)} results, but its count is {counted}", body)
    if rows and not isinstance(body.get("ticker", ticker), str):
        _reject(f"the response is for the ticker {body.get('ticker')!r}", body)
    next_page = _read_next(body)
    if next_page is not None:
        path = urlsplit(str(body["next_url"])).path
        matched = _AGGREGATES_PATH.match(path)
        if matched is None or unquote(matched[1]) != ticker or matched[2] != span:
            _reject(f"the next page is of other bars, {path}", body)
        next_page = NextPage(matched[3], matched[4], next_page.query)
    # Only the columns are returned: rows as objects would take ten times the memory.
    is_delayed = body.get("status") == "DELAYED"
    ticker = _text(body.get("ticker", ticker)) or ticker
    return Page((), ticker, is_delayed, _text(body.get("request_id")), next_page, columns_of(rows))


def read_references(response: WholeResponse) -> Page:
    """Read a page of splits or dividends, which has no count."""
    body = _read_object(response)
    if "results" not in body:
        _reject("the response has no results", body)
    return Page(_read_rows(body), None, False, _text(body.get("request_id")), _read_next(body))


def read_details(response: WholeResponse, *, ticker: str) -> Mapping[str, Any]:
    """Read the details of a ticker."""
    body = _read_object(response)
    details = body.get("results")
    if not isinstance(details, dict) or details.get("ticker") != ticker:
        _reject(f"the response has no details of {ticker}", body)
    return details


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as the columns of `check_bars`: `ts_us` (int64) and the values as float64."""
    import numpy as np
    import pyarrow as pa

    try:
        times = pa.array([row.get("t") for row in rows], pa.int64())
        values = {name: pa.array([row.get(key) for row in rows], pa.float64()) for name, key in _VALUES.items()}
    except (pa.ArrowException, TypeError, OverflowError):
        # A value is not a number: convert cell by cell, so that only its row is rejected.
        times = pa.array([_whole(row.get("t")) for row in rows], pa.int64())
        values = {
            name: pa.array([_number(row.get(key)) for row in rows], pa.float64()) for name, key in _VALUES.items()
        }
    milliseconds = times.fill_null(_NO_TIME_US).to_numpy()
    usable = np.abs(milliseconds) < 2**50
    columns: dict[str, Any] = {"ts_us": np.where(usable, milliseconds, 0) * 1_000}
    columns["ts_us"][~usable] = _NO_TIME_US
    for name, column in values.items():
        columns[name] = column.fill_null(math.nan).to_numpy()
    return columns


def _read_object(response: WholeResponse) -> Mapping[str, Any]:
    try:
        body = json.loads(response.data)
    except ValueError as error:
        start = response.data[:60].decode("utf-8", "replace")
        reject(f"the response is not JSON ({error}); it begins with {start!r}", error=error)
    except RecursionError as error:
        reject("the response nests lists or objects too deeply", error=error)
    if not isinstance(body, dict):
        reject(f"the response is a JSON {type(body).__name__}, not an object")
    if body.get("status") not in ("OK", "DELAYED"):
        _reject(f"the response has the status {body.get('status')!r}", body)
    return body


def _read_rows(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = body.get("results")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        _reject("the results of the response are not a list of objects", body)
    return rows


def _read_next(body: Mapping[str, Any]) -> NextPage | None:
    url = body.get("next_url")
    if url is None:
        return None
    if not isinstance(url, str):
        _reject(f"next_url is {url!r}", body)
    query = {name: value for name, value in parse_qsl(urlsplit(url).query) if name.lower() != "apikey"}
    return NextPage(None, None, query)


def quoted(ticker: str) -> str:
    """Return a ticker as the vendor's client needs it: the client puts it into the path unchanged."""
    return quote(ticker, safe=":.")


def _reject(message: str, body: Mapping[str, Any]) -> NoReturn:
    reject(message, request_id=_text(body.get("request_id")))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and abs(number) < _NO_TIME_US and number == int(number) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
