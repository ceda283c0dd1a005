"""The table of measurements in `tests/benchmarks/README.md`, written from the committed `results.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def keep(described: Mapping[str, Any]) -> dict[str, Any]:
    """Merge measured cases into `results.json`, in the order of the cases, and return all of them."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"cases": {}}
    found = {**stored["cases"], **described["cases"]}
    order = described["order"]
    cases = {name: found[name] for name in order if name in found}
    whole = {**described, "cases": cases}
    RESULTS.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return whole


def rewrite(whole: Mapping[str, Any]) -> None:
    """Replace the table between the marks of the README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{section(whole)}{END}{after}", encoding="utf-8")


def section(whole: Mapping[str, Any]) -> str:
    """Return the text between the marks: the machine, and one row per case."""
    machine = whole["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if name != "mtstore")
    others = [
        ", ".join(f"{package} {version}" for package, version in found.items() if package in {"arcticdb", "pandas"})
        for name, found in machine.items()
        if name.startswith("versions of ")
    ]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; Python "
        f"{machine['python']}, {versions}" + "".join(f"; beside it {text}" for text in others) + ".",
        "",
        "| case | medians | targets, and what was measured |",
        "|---|---|---|",
    ]
    for case in whole["cases"].values():
        medians = ", ".join(_median(name, one) for name, one in case["contenders"].items())
        targets = "; ".join(_target(one) for one in case["targets"])
        lines.append(f"| {case['title']} | {medians} | {targets} |")
    return "\n".join([*lines, ""])


def missed(whole: Mapping[str, Any]) -> list[str]:
    """Return the targets that are not met, with their cases."""
    every = ((name, one) for name, case in whole["cases"].items() for one in case["targets"])
    return [f"{name}: {_target(one)}" for name, one in every if not one["is_met"]]


def _median(name: str, one: Mapping[str, Any]) -> str:
    if one["problem"] is not None:
        return f"{name}: {one['problem']}"
    figures = one.get("figures", {})
    shown = [f"{figures[key]:.3g} {unit}" for key, unit in _SHOWN.items() if key in figures]
    return f"{name} {', '.join(shown) if shown else _seconds(one['median_seconds'])}"


_SHOWN = {"bytes_per_bar": "bytes"}


def _target(one: Mapping[str, Any]) -> str:
    if one["measured"] is None:
        return f"{one['target']}: not measured"
    unit = one["unit"]
    value = _seconds(one["measured"]) if unit == " s" else f"{one['measured']:.3g}{unit}"
    text = f"{one['target']}: {value}"
    return text if one["is_met"] else f"**missed** {text}"


def _seconds(value: float) -> str:
    if abs(value) < 0.1:
        return f"{value * 1_000:.3g} ms"
    return f"{value:.3g} s"
