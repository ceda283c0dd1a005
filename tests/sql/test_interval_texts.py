"""SQL and Python read the same texts as intervals and durations, and give the same hints for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mtstore.errors import IntervalError
from mtstore.intervals import parse_duration, parse_interval

_WORDS = [
    *("s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour"),
    *("hours", "d", "day", "days", "w", "week", "weeks", "mo", "mon", "mons", "month", "months", "y", "year", "years"),
    *("T", "M", "H", "D", "B", "W", "wk", "MS", "ME", "ms", "us", "quarter", "yr", ""),
]
_NUMBERS = st.sampled_from(["", "0", "1", "2", "5", "05", "7", "24", "168", "1440", "999999", "1000000", "1.5", "-5"])
_PARTS = st.tuples(
    _NUMBERS,
    st.sampled_from(["", " ", "  "]),
    st.sampled_from(_WORDS).flatmap(lambda w: st.sampled_from([w, w.title()])),
).map("".join)
_CLOCKS = st.from_regex(r"[0-9]{1,3}:[0-9]{2}(:[0-9]{2})?(\.[0-9]{1,7})?", fullmatch=True)
_TEXTS = st.one_of(_PARTS, st.lists(st.one_of(_PARTS, _CLOCKS), max_size=7).map(" ".join), st.text(max_size=8))


@pytest.fixture(scope="module")
def connection(new_market: Callable[[], Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    with new_market().open() as connection:
        yield connection


@given(text=_TEXTS.filter(lambda text: "\0" not in text))
@example("24h")
@example("168h")
@example("1week")
@example("1 month")
@example("5T")
@example("1M")
def test_a_text_has_one_answer(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    found = connection.execute(
        """
        SELECT
            core.is_bar_interval($text),
            epoch_us(core.read_interval($text)),
            core.interval_hint($text),
            coalesce(greatest(core.span_us($text), 0), 0)
        """,
        {"text": text},
    ).fetchone()
    assert found is not None
    is_interval, length_us, hint, duration_us = found
    interval, error = _parsed(parse_interval, text)
    assert is_interval == (interval is not None)
    if interval is None:
        assert f"is not a bar interval{hint} (valid" in error
    else:
        assert length_us == (30 * interval.months + interval.days) * 86_400_000_000 + interval.microseconds
    duration, _ = _parsed(parse_duration, text)
    assert duration_us == (0 if duration is None else duration // timedelta(microseconds=1))


def _parsed(parse: Callable[[str], Any], text: str) -> tuple[Any, str]:
    """Return what a parser reads, or the text of its error."""
    try:
        return parse(text), ""
    except IntervalError as error:
        return None, str(error)
