"""Parsers return a value or raise an MtstoreError, whatever the text."""

from __future__ import annotations

import contextlib
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtstore.arguments import size_bytes, ticker_name
from mtstore.bars import is_daily
from mtstore.bounds import parse_bounds, parse_zone
from mtstore.config import load_config
from mtstore.errors import InputError, IntervalError, MtstoreError, RangeError, UnsupportedSchemaError
from mtstore.intervals import parse_duration, parse_interval

DIGITS = "".join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) in {"Nd", "No"})[:120]
NUMBERS = ["0", "1", "60", "09", "24", "99", "9" * 30, "0." + "0" * 30 + "1", "1" * 5_000, "2024", "0001", "02-30"]
UNITS = ["s", "min", "m", "h", "d", "w", "mo", "M", "T", "kb", "GiB", "%", "K\u212a", "ohlcv-", "Z", "+05:00", "+24:00"]
MARKS = [":", "-", ".", " ", "\n", "\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\u0663", "\uff15", "\xb2", "\u0131", "\0"]
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=DIGITS + " \x1f:.-smhdwobiTZ0123456789"),
    st.lists(st.sampled_from(NUMBERS + UNITS + MARKS), max_size=8).map("".join),
)
PARSERS = {
    "interval": (parse_interval, IntervalError),
    "duration": (parse_duration, IntervalError),
    "zone": (parse_zone, InputError),
    "size": (size_bytes, InputError),
    "clock": (lambda text: load_config({"ticker_config": {"defaults": {"session_start": text}}}), InputError),
    "ticker": (ticker_name, InputError),
    "schema": (is_daily, UnsupportedSchemaError),
    "start": (lambda text: parse_bounds(text, "2024-01-01", tz="America/New_York"), RangeError),
    "end": (lambda text: parse_bounds("2024-01-01T00:00Z", text, tz="Asia/Tokyo").covering_us(), RangeError),
}  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS)
@given(TEXTS)
@example("0\x1f")
@example("9" * 5_000)
@example("9" * 5_000 + "kb")
@example("999999999w")
@example("ohlcv-1\u0663m")
@example("0001-01-01T00:00:00Z")
@example("9999-12-31T23:59:59.999999999Z")
@settings(deadline=None)
def test_a_parser_raises_only_its_own_error(parser, text):
    parse, error = PARSERS[parser]
    with contextlib.suppress(error):
        parse(text)


@pytest.mark.parametrize("text", ["0\x1f", "\u0665min", "5min\u2003", "1" * 5_000, "\xb2h"])
def test_an_interval_of_other_digits_or_blanks_is_rejected_with_what_is_valid(text):
    with pytest.raises(IntervalError, match=r"is not a bar interval.*valid: 30s, 1min"):
        parse_interval(text)


@given(
    st.sampled_from(["store", "alignment", "tickers", "cache", "validation", "on_missing", "sources", "calendars"]),
    TEXTS,
)
@settings(deadline=None, max_examples=50)
def test_a_configuration_of_any_text_raises_only_config_errors(key, text):
    for tree in ({key: text}, {"multi_ticker": {"alignment": {"resampling": text, "timezone": text, "max_age": text}}}):
        with contextlib.suppress(MtstoreError):
            load_config(tree)


HOURS = {"timezone": "UTC", "open": "09:00", "close": "17:00"}
VALUES = st.one_of(
    st.none(), st.integers(), st.booleans(), TEXTS, st.lists(TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS)
)


@given(st.sampled_from(["timezone", "open", "days", "break", "holidays", "half_days", "from", "to"]), VALUES)
@settings(deadline=None)
def test_a_custom_calendar_of_any_values_raises_only_input_errors(key, value):
    with contextlib.suppress(InputError):
        load_config({"calendars": {"MINE": HOURS | {key: value}}}).custom_calendars()
