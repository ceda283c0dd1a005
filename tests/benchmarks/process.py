"""Runs contenders in processes of their own, one after the other, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import data

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Contender:
    """A function of `benchmarks.contenders` and what it is called with."""

    function: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What the runs of one contender gave.

    Attributes
    ----------
    runs
        Figures of each run, by name: `seconds`, `peak_mib`, and those that the case adds.
    answer
        The digest of the first run's result; all runs gave the same.
    problem
        Why there are no figures: the package is missing, the feature is not built, or the run failed.
    """

    runs: list[dict[str, float]] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    problem: str | None = None
    is_failure: bool = False

    def median(self, figure: str = "seconds") -> float | None:
        """The median over the runs; None if there are none."""
        values = [run[figure] for run in self.runs if figure in run]
        return statistics.median(values) if values else None


@dataclass(frozen=True, slots=True)
class Runner:
    """How processes are started.

    Attributes
    ----------
    pythons
        By name of a contender, the interpreter it runs in where that is not this one (its packages may need versions
        of their own).
    runs
        How many runs count; one more before them warms the page cache.
    """

    pythons: Mapping[str, str]
    runs: int
    timeout_seconds: float = 3_600

    def run(self, contenders: Mapping[str, Contender], *, once: bool = False) -> dict[str, Outcome]:
        """Run all contenders in turns, so that what slows the machine down for a while hits all of them.

        `once`: a single run each, for what takes minutes and does not depend on a warm page cache.
        """
        outcomes = {name: Outcome() for name in contenders}
        for number in range(1) if once else range(-1, self.runs):
            for name, contender in contenders.items():
                outcome = outcomes[name]
                if outcome.problem is None:
                    self._once(name, contender, outcome, counts=number >= 0)
        return outcomes

    def make(self, folder: Path, function: str, parameters: Mapping[str, Any], python: str | None = None) -> str | None:
        """Make a data set unless it is there; gives why it could not be made."""
        if data.is_made(folder):
            return None
        sys.stderr.write(f"making {folder.name}\n")
        data.clear(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        answer = self._ask(python or sys.executable, function, parameters)
        if "problem" in answer:
            return str(answer["problem"])
        data.mark_made(folder)
        return None

    def python_of(self, contender: str) -> str:
        """The interpreter that a contender runs in."""
        return self.pythons.get(contender, sys.executable)

    def _once(self, name: str, contender: Contender, outcome: Outcome, *, counts: bool) -> None:
        figures = self._ask(self.python_of(name), contender.function, contender.parameters)
        if "problem" in figures:
            outcome.problem, outcome.is_failure = figures["problem"], figures["is_failure"]
            outcome.runs.clear()
            return
        answer = figures.pop("answer", None)
        if outcome.answer is None:
            outcome.answer = answer
        if counts:
            outcome.runs.append(figures)

    def _ask(self, python: str, function: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        request = json.dumps({"function": function, "parameters": dict(parameters)})
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        try:
            done = subprocess.run(
                [python, "-m", "tests.benchmarks.worker", request],
                capture_output=True,
                text=True,
                check=False,
                timeout=self.timeout_seconds,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            return {"problem": f"longer than {self.timeout_seconds:.0f} s", "is_failure": True}
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            sys.stderr.write(done.stderr)
            return {"problem": f"failed: {lines[-1][:200]}", "is_failure": True}
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "skipped" in answer:
            return {"problem": answer["skipped"], "is_failure": False}
        return answer
