"""Every hand-made answer is what the published macro gives."""

from __future__ import annotations

import math
from datetime import UTC
from typing import Any

import pytest

from tests.sql import answers


@pytest.mark.parametrize("case", answers.CASES)
def test_macro_returns_the_answer_made_by_hand(case: str, market: Any) -> None:
    names, rows = answers.expected(case)
    answers.fill(market, case)
    with market.open() as connection:
        result = connection.execute(answers.statement(case))
        places = {column[0]: place for place, column in enumerate(result.description)}
        found = [[row[places[name]] for name in names] for row in result.fetchall()]
    assert [[_comparable(value) for value in row] for row in found] == [
        [_expectation(text) for text in row] for row in rows
    ]


def test_every_case_says_how_its_answer_was_made() -> None:
    assert [case for case in answers.CASES if "made by hand" not in answers.statement(case).lower()] == []


def _comparable(value: Any) -> Any:
    if hasattr(value, "tzinfo") and value.tzinfo:
        value = value.astimezone(UTC)
    text = answers.as_text(value)
    return _Number(float(text)) if _is_number(text) else text


def _expectation(text: str) -> Any:
    return _Number(float(text)) if _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Number:
    """A number that equals another up to the last few digits of a double."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and math.isclose(self.value, other.value, rel_tol=1e-12, abs_tol=1e-15)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return repr(self.value)
