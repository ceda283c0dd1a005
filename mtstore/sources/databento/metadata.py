"""Metadata that Databento offers before a fetch: record counts, costs, available ranges, conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from mtstore.ranges import TimeRange, from_us
from mtstore.sources.databento.day_conditions import DayCondition
from mtstore.sources.databento.session import DatabentoSession
from mtstore.sources.http.named_end import read_instant_us
from mtstore.sources.http.request import RequestContext

T = TypeVar("T")


def dataset_window(session: DatabentoSession, context: RequestContext) -> TimeRange:
    """Return the range of the context's schema that the key may read, `[start, end)`."""
    dataset = session.settings.dataset or ""

    def read(client: Any) -> TimeRange:
        whole = client.metadata.get_dataset_range(dataset)
        bounds = whole.get("schema", {}).get(context.schema, whole)
        return TimeRange(read_instant_us(bounds["start"]), read_instant_us(bounds["end"]))

    return session.call(_strict(read), context)


def record_count(session: DatabentoSession, request: Mapping[str, Any], context: RequestContext) -> int:
    """Return the number of records of a request."""

    def read(client: Any) -> int:
        counted = client.metadata.get_record_count(**request)
        if not isinstance(counted, int) or isinstance(counted, bool) or counted < 0:
            raise ValueError(f"the number of records is {counted!r}")
        return counted

    return session.try_call(read, context)


def cost_usd(session: DatabentoSession, request: Mapping[str, Any], context: RequestContext) -> float:
    """Return the cost of a request in dollars."""

    def read(client: Any) -> float:
        cost = client.metadata.get_cost(**request)
        if not isinstance(cost, int | float) or isinstance(cost, bool) or not 0 <= cost < float("inf"):
            raise ValueError(f"the cost is {cost!r}")
        return float(cost)

    return session.try_call(read, context)


def conditions(session: DatabentoSession, context: RequestContext) -> list[DayCondition]:
    """Return the state of each UTC day of the context's range; free of charge."""
    dataset = session.settings.dataset or ""
    first, last = _date(context.bounds.start_us), _date(context.bounds.end_us - 1)

    def read(client: Any) -> list[DayCondition]:
        # Unlike in all other calls, the end is included.
        rows = client.metadata.get_dataset_condition(dataset, start_date=first, end_date=last)
        return [
            DayCondition(
                date.fromisoformat(row["date"]),
                row["condition"],
                date.fromisoformat(row["last_modified_date"]) if row.get("last_modified_date") else None,
            )
            for row in rows
        ]

    return session.call(_strict(read), context)


def _strict(read: Callable[[Any], T]) -> Callable[[Any], T]:
    """Turn a KeyError, about a key that a response does not have, into an error about the response."""

    def checked(client: Any) -> T:
        try:
            return read(client)
        except KeyError as error:
            raise ValueError(f"the response has no {error}") from error

    return checked


def _date(instant_us: int) -> date:
    return from_us(instant_us).date()
