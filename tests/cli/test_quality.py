"""`mtstore quality` and `mtstore gaps`: the macros of the same names, in the formats of every verb."""

from __future__ import annotations

import json

import pytest

import mtstore
from mtstore.cli.exit_codes import Exit

DAY = ("--start", "2023-11-24", "--end", "2023-11-24")


def test_quality_counts_what_a_half_day_should_have(mtstore_cli, market):
    shown = mtstore_cli("quality", market, *DAY, "--format", "json")
    assert shown.code == Exit.OK
    rows = json.loads(shown.out)
    assert [row["ticker"] for row in rows] == ["AAA", "BBB"]
    assert {(row["session_date"], row["expected_bars"]) for row in rows} == {("2023-11-24", 210)}


def test_gaps_are_those_of_the_macro(mtstore_cli, market):
    days = ("--start", "2023-11-22", "--end", "2023-11-27")
    shown = mtstore_cli("gaps", market, "--max-gap-minutes", 1, "--format", "json", *days)
    rows = json.loads(shown.out)
    with mtstore.open(market) as store:
        statement = "SELECT ticker, missing_bars, reason FROM gaps(NULL, 1, start_ts := $first, end_ts := $last)"
        wanted = store.sql(statement, {"first": "2023-11-22", "last": "2023-11-27"}).fetchall()
    assert [(row["ticker"], row["missing_bars"], row["reason"]) for row in rows] == wanted
    assert [row[0] for row in wanted] == ["AAA", "BBB"]


def test_unfetched_minutes_differ_from_untraded_ones(mtstore_cli, market):
    shown = mtstore_cli(
        "gaps", market, "--tickers", "AAA", "--start", "2023-11-27", "--end", "2023-11-27", "--format", "json"
    )
    assert [(row["position"], row["missing_bars"], row["reason"]) for row in json.loads(shown.out)] == [
        ("whole", 390, "not asked")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tickers", "AAB"), "unknown ticker 'AAB'"),
        (("--max-gap-minutes", "0"), "max_gap_minutes"),
        (("--interval", "7x"), "7x"),
        (("--start", "2023-11-25", "--end", "2023-11-24"), "2023-11-25"),
        (("--timezone", "Mars/Olympus"), "Mars/Olympus"),
    ],
)
@pytest.mark.parametrize("verb", ["gaps", "quality"])
def test_wrong_arguments_are_named(mtstore_cli, market, verb, arguments, message):
    shown = mtstore_cli(verb, market, *arguments)
    assert shown.code in {Exit.USAGE, Exit.QUERY}
    assert shown.out == ""
    assert message in shown.err
