"""The view bars_local: whose wall time, which session, which minute of it."""

from __future__ import annotations

from typing import Any


def test_local_time_is_that_of_the_window_else_of_the_calendar(market: Any) -> None:
    for ticker, settings in {
        "CALENDAR": {"calendar": "XNYS"},
        "WINDOW": {"calendar": "XNYS", "session_start": "23:00", "session_end": "04:00", "timezone": "Asia/Tokyo"},
        "ZONE": {"calendar": "XNYS", "timezone": "Asia/Tokyo"},  # a zone of no window says nothing
        "FUTURE": {"calendar": "CMES"},
        "X:COIN": {},
    }.items():
        market.configure(ticker, **settings)
        market.add_bars(ticker, [("2023-06-01T14:00", 1.0, 1.0, 1.0, 1.0, 1.0)])
    market.add_bars(
        "DAY", [("2023-06-01T04:00", 1.0, 1.0, 1.0, 1.0, 1.0)], schema="ohlcv-1d", day_tz="America/New_York"
    )
    with market.open() as connection:
        rows = connection.execute(
            "SELECT ticker, ts_local::VARCHAR, session_date::VARCHAR, in_session, minute_of_session"
            " FROM bars_local ORDER BY ticker"
        ).fetchall()
    assert rows == [
        ("CALENDAR", "2023-06-01 10:00:00", "2023-06-01", True, 30),
        ("DAY", "2023-06-01 00:00:00", "2023-06-01", True, None),
        ("FUTURE", "2023-06-01 09:00:00", "2023-06-01", True, 960),
        ("WINDOW", "2023-06-01 23:00:00", "2023-06-02", True, 0),
        ("X:COIN", "2023-06-01 14:00:00", "2023-06-01", True, 840),
        ("ZONE", "2023-06-01 10:00:00", "2023-06-01", True, 30),
    ]
