"""The figures as a table for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.answers import differences
from tests.benchmarks.cases import Case
from tests.benchmarks.process import Outcome
from tests.benchmarks.targets import Results, Target

_PRIMARY = "mtstore"


def disagreements(case: Case, outcomes: Mapping[str, Outcome]) -> dict[str, list[str]]:
    """By contender, in what its answer differs from mtstore's; a case of mtstore alone has none to compare."""
    ours = outcomes.get(_PRIMARY)
    if ours is None or ours.answer is None:
        return {}
    found = {
        name: differences(ours.answer, outcome.answer)
        for name, outcome in outcomes.items()
        if name != _PRIMARY and outcome.answer is not None
    }
    return {name: texts for name, texts in found.items() if texts}


def case_text(case: Case, results: Results) -> str:
    """One case: a Markdown table of its contenders, and its targets."""
    outcomes = results[case.name]
    base = _base(outcomes)
    wrong = disagreements(case, outcomes)
    heads = ["", "median s", "min – max", f"× {base}", "cpu s", "peak MiB", *case.figures, "answer"]
    rows = [_row(name, outcome, outcomes[base], case.figures, wrong) for name, outcome in outcomes.items()]
    lines = [f"### {case.name}: {case.title}", "", _line(heads), _line(["---"] * len(heads)), *map(_line, rows), ""]
    for text, value, verdict in target_rows(case, results):
        lines.append(f"- {verdict}: {text}{value}")
    lines += [f"- WRONG {name}: {'; '.join(texts[:3])}" for name, texts in wrong.items()]
    return "\n".join(lines) + "\n"


def target_rows(case: Case, results: Results) -> list[tuple[str, str, str]]:
    """Each target's words, the measured value and the verdict."""
    rows = []
    for target in case.targets:
        value = target.measure(results, case.name)
        if value is None:
            rows.append((target.text, "", "not measured"))
        else:
            rows.append(
                (target.text, f" (measured {value:.3g}{target.unit})", "met" if target.is_met(value) else "MISSED")
            )
    return rows


def as_json(
    machine: Mapping[str, Any], scale: Mapping[str, Any], cases: list[Case], results: Results
) -> dict[str, Any]:
    """Everything, without the digests."""
    return {
        "machine": dict(machine),
        "scale": dict(scale),
        "cases": {
            case.name: {
                "title": case.title,
                "contenders": {
                    name: _outcome_json(outcome, case.figures) for name, outcome in results[case.name].items()
                },
                "targets": [_target_json(target, target.measure(results, case.name)) for target in case.targets],
                "disagreements": disagreements(case, results[case.name]),
            }
            for case in cases
        },
    }


def _outcome_json(outcome: Outcome, figures: tuple[str, ...]) -> dict[str, Any]:
    """A contender's part: medians to four digits, and what each run took."""
    told = {name: outcome.median(name) for name in ("cpu_seconds", "peak_mib", *figures)}
    return {
        "problem": outcome.problem,
        "median_seconds": _rounded(outcome.median()),
        "seconds": [_rounded(run["seconds"]) for run in outcome.runs],
        "figures": {name: _rounded(value) for name, value in told.items() if value is not None},
    }


def _target_json(target: Target, measured: float | None) -> dict[str, Any]:
    return {
        "target": target.text,
        "limit": target.limit,
        "unit": target.unit,
        "measured": _rounded(measured),
        "is_met": measured is not None and target.is_met(measured),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def machine_text(machine: Mapping[str, Any]) -> str:
    """A few lines about the machine."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    place = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    lines = [f"{place}, load {machine['load_average'][0]} at the start; Python {machine['python']}, {versions}"]
    for name, value in machine.items():
        if name.startswith("versions of "):
            lines.append(f"{name}: " + ", ".join(f"{package} {version}" for package, version in value.items()))
    return "\n".join(lines) + "\n"


def _base(outcomes: Mapping[str, Outcome]) -> str:
    return _PRIMARY if _PRIMARY in outcomes else next(iter(outcomes))


def _row(
    name: str, outcome: Outcome, base: Outcome, figures: tuple[str, ...], wrong: Mapping[str, list[str]]
) -> list[str]:
    if outcome.problem is not None:
        return [name, outcome.problem, *[""] * (5 + len(figures))]
    seconds = [run["seconds"] for run in outcome.runs]
    median, base_median = outcome.median(), base.median()
    ratio = f"{median / base_median:.2f}" if median is not None and base_median else ""
    answer = "WRONG" if name in wrong else "equal" if outcome.answer is not None else "–"
    return [
        name,
        _number(median),
        f"{_number(min(seconds))} – {_number(max(seconds))}",
        ratio,
        _number(outcome.median("cpu_seconds")),
        _number(outcome.median("peak_mib")),
        *(_number(outcome.median(figure)) for figure in figures),
        answer,
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
