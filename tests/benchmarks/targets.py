"""Targets: what a case's figures are held against, each with the words that stand beside it in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.benchmarks.process import Outcome

Results = Mapping[str, Mapping[str, Outcome]]
"""Outcomes by case and contender."""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit and what is held against it.

    Attributes
    ----------
    measure
        From the results of all cases that ran, and the case's name; None where something is missing.
    is_most
        Whether the limit is the most that is allowed, or the least.
    """

    text: str
    limit: float
    is_most: bool
    measure: Callable[[Results, str], float | None]
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        """Whether a measured value is within the limit."""
        return value <= self.limit if self.is_most else value >= self.limit


def faster_than(contender: str, times: float, ours: str = "mtstore") -> Target:
    """The contender takes at least so many times what we take."""
    return Target(
        f"≥ {times:g}× faster than {contender}",
        times,
        is_most=False,
        measure=lambda results, case: _ratio(_seconds(results, case, contender), _seconds(results, case, ours)),
    )


def at_most_times(contender: str, times: float, ours: str = "mtstore", case: str | None = None) -> Target:
    """We take at most so many times what the contender takes, in this case or another one."""
    return Target(
        f"{ours}: ≤ {times:g}× {contender}" + (f" of {case}" if case else ""),
        times,
        is_most=True,
        measure=lambda results, here: _ratio(_seconds(results, here, ours), _seconds(results, case or here, contender)),
    )


def at_most_seconds(seconds: float, ours: str = "mtstore", over: str | None = None) -> Target:
    """We take at most so many seconds, or so many more than another contender."""

    def measure(results: Results, case: str) -> float | None:
        mine, base = _seconds(results, case, ours), _seconds(results, case, over) if over else 0.0
        return None if mine is None or base is None else mine - base

    return Target(f"{ours}: ≤ {seconds:g} s" + (f" over {over}" if over else ""), seconds, True, measure, " s")


def at_most(text: str, limit: float, figure: str, ours: str = "mtstore", unit: str = "") -> Target:
    """A figure of ours is at most so much."""
    return Target(text, limit, True, lambda results, case: _figure(results, case, ours, figure), unit)


def at_most_of(text: str, times: float, figure: str, contender: str, ours: str = "mtstore") -> Target:
    """A figure of ours is at most so many times the contender's."""
    return Target(
        text,
        times,
        True,
        lambda results, case: _ratio(_figure(results, case, ours, figure), _figure(results, case, contender, figure)),
    )


def _seconds(results: Results, case: str, contender: str) -> float | None:
    return _figure(results, case, contender, "seconds")


def _figure(results: Results, case: str, contender: str, figure: str) -> float | None:
    outcome = results.get(case, {}).get(contender)
    return None if outcome is None else outcome.median(figure)


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under
