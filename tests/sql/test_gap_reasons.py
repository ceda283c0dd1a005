"""Why bars are missing: each kind of answer in the ledger gives its own reason, and the newest answer counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mtstore.bars import arrow_schema

SEEN_AT = datetime(2024, 1, 1, tzinfo=UTC)

HOUR = [f"2023-06-01T{hour}:{minute:02}" for hour in (14, 15, 16, 17, 18) for minute in (0, 59)]


def _gaps(market: Any, **options: str) -> list[tuple[Any, ...]]:
    given = "".join(f", {name} := {value}" for name, value in options.items())
    with market.open() as connection:
        rows = connection.execute(
            "SELECT strftime(first_missing, '%H:%M'), missing_bars, reason, ledger_reason "
            f"FROM gaps(['AAA'], 5, start_ts := DATE '2023-06-01', end_ts := DATE '2023-06-01'{given})"
        )
        found: list[tuple[Any, ...]] = rows.fetchall()
    return found


def test_each_answer_gives_its_reason(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    market.add_answer("AAA", "2023-06-01T14:00", "2023-06-01T15:00", "complete")
    market.add_answer("AAA", "2023-06-01T15:00", "2023-06-01T16:00", "failed", reason="HTTP 500 after 4 attempts")
    market.add_answer("AAA", "2023-06-01T16:00", "2023-06-01T17:00", "partial", reason="cut")
    market.add_answer("AAA", "2023-06-01T17:00", "2023-06-01T18:00", "quarantined", reason="high is below open")
    assert _gaps(market) == [
        ("13:30", 30, "not asked", None),
        ("14:01", 58, "asked and no trade", None),
        ("15:01", 58, "failed", "HTTP 500 after 4 attempts"),
        ("16:01", 58, "partial", "cut"),
        ("17:01", 58, "quarantined", "high is below open"),
        ("18:01", 58, "not asked", None),
        ("19:00", 60, "not asked", None),
    ]


def test_a_later_answer_takes_the_place_of_an_earlier_one(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    market.add_answer("AAA", "2023-06-01T13:00", "2023-06-01T21:00", "failed", reason="timeout")
    market.add_answer("AAA", "2023-06-01T13:00", "2023-06-01T21:00", "complete")
    assert {row[2:] for row in _gaps(market)} == {("asked and no trade", None)}


def test_failure_explains_only_what_no_other_answer_covers(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    market.add_answer("AAA", "2023-06-01T14:00", "2023-06-01T15:30", "complete")
    market.add_answer("AAA", "2023-06-01T14:00", "2023-06-01T21:00", "failed", reason="timeout")
    reasons = {row[0]: row[2:] for row in _gaps(market)}
    assert reasons["14:01"] == ("asked and no trade", None)
    assert reasons["15:01"] == reasons["16:01"] == ("failed", "timeout")


def _refuse(market: Any, ts_event: str, **labels: Any) -> None:
    bad = market.table([(ts_event, 1.0, 0.5, 1.0, 1.0, 1.0)])
    assert bad.schema == arrow_schema()
    named: dict[str, Any] = {
        "ticker": "AAA",
        "source": "polygon",
        "schema": "ohlcv-1m",
        "reason": "high is below open or close",
    }
    named |= {"origin": "file:7", "run_id": "1", "seen_at": SEEN_AT} | labels
    for name, value in named.items():
        bad = bad.append_column(name, pa.array([value]))
    market.quarantine.append(bad)


def test_rows_that_were_set_aside_are_the_reason_where_they_would_have_been(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    market.add_answer("AAA", "2023-06-01T13:00", "2023-06-01T21:00", "complete")
    _refuse(market, "2023-06-01T15:30")
    reasons = {row[0]: row[2:] for row in _gaps(market)}
    assert reasons["15:01"] == ("quarantined", "high is below open or close")
    assert reasons["14:01"] == ("asked and no trade", None)


def test_a_complete_answer_ends_what_was_set_aside_before_it(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    _refuse(market, "2023-06-01T14:30")
    _refuse(market, "2023-06-01T15:30")
    _refuse(market, "2023-06-01T15:30", seen_at=SEEN_AT + timedelta(hours=1), run_id="2")
    _refuse(market, "2023-06-01T16:30")
    _refuse(market, "2023-06-01T16:30", source="other")
    later = SEEN_AT + timedelta(days=1)
    market.add_answer("AAA", "2023-06-01T13:00", "2023-06-01T15:00", "complete", at=later)
    market.add_answer("AAA", "2023-06-01T15:00", "2023-06-01T16:00", "partial", at=later)
    market.add_answer("AAA", "2023-06-01T16:00", "2023-06-01T17:00", "complete", at=SEEN_AT - timedelta(days=1))
    reasons = {row[0]: row[2] for row in _gaps(market)}
    assert reasons["14:01"] == "asked and no trade"
    assert reasons["15:01"] == reasons["16:01"] == "quarantined"
    with market.open() as connection:
        counts = connection.execute("SELECT quarantined_rows FROM quality(['AAA'], 5)").fetchall()
    assert counts == [(2,)]  # the row of 15:30 came twice, and is one


def test_partly_fetched_minutes_count_as_not_fetched(market: Any) -> None:
    market.configure("AAA", calendar="XNYS")
    market.add_bars("AAA", [(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in HOUR])
    for first, end in (("14:00", "14:30"), ("15:00", "15:20"), ("15:10", "15:30"), ("15:30", "16:00")):
        market.add_answer("AAA", f"2023-06-01T{first}", f"2023-06-01T{end}", "complete")
    for first, end in (("16:00", "16:20"), ("16:21", "17:00"), ("17:30", "18:00")):
        market.add_answer("AAA", f"2023-06-01T{first}", f"2023-06-01T{end}", "complete")
    assert {row[0]: row[2] for row in _gaps(market)} == {
        "13:30": "not asked",
        "14:01": "not asked",
        "15:01": "asked and no trade",
        "16:01": "not asked",
        "17:01": "not asked",
        "18:01": "not asked",
        "19:00": "not asked",
    }
