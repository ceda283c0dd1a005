"""Measure mtstore beside other engines: `python -m tests.benchmarks.run [CASE …] [--scale small|full|large]`.

Data are written once, below `--data`: a minute at the small scale, half an hour at the full one. Tables go to stdout,
progress to stderr. Exit code 1: a contender failed, or results differ. Missed targets are listed; they are no failure.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import readme, report
from tests.benchmarks.cases import Case, all_cases
from tests.benchmarks.data import Data
from tests.benchmarks.machine import describe
from tests.benchmarks.process import Outcome, Runner
from tests.benchmarks.scales import SCALES, changed


def main() -> int:
    """Run the requested cases."""
    options = _parser().parse_args()
    scale = changed(SCALES[options.scale], options.set)
    data = Data(options.data.expanduser().resolve(), scale)
    pythons = dict(pair.split("=", 1) for pair in options.python)
    runner = Runner(pythons, options.runs, options.timeout)
    every = all_cases(data)
    cases = [case for case in every if not options.cases or case.name in options.cases]
    unknown = set(options.cases) - {case.name for case in every}
    if unknown:
        sys.stderr.write(f"no case {', '.join(sorted(unknown))}; there are {', '.join(case.name for case in every)}\n")
        return 2
    machine = describe(pythons)
    sys.stdout.write(report.machine_text(machine) + "\n")
    results: dict[str, dict[str, Outcome]] = {}
    described: dict[str, Any] = {"cases": {}}
    for case in cases:
        sys.stderr.write(f"{case.name}\n")
        results[case.name] = _run(case, data, runner)
        sys.stdout.write(report.case_text(case, results) + "\n")
        sys.stdout.flush()
        described = report.as_json(machine, asdict(scale), cases[: len(results)], results)
        described["order"] = [case.name for case in every]
        if options.json:
            options.json.write_text(json.dumps(described, indent=1), encoding="utf-8")
        if options.readme:
            readme.rewrite(readme.keep(described))
    for text in readme.missed(described):
        sys.stdout.write(f"{text}\n")
    failed = any(outcome.is_failure for outcomes in results.values() for outcome in outcomes.values())
    return int(failed or any(report.disagreements(case, results[case.name]) for case in cases))


def _run(case: Case, data: Data, runner: Runner) -> dict[str, Outcome]:
    problems = {}
    for name in case.needs:
        problem = runner.make(*data.maker(name), python=runner.python_of("arcticdb") if name == "arctic" else None)
        if problem is not None and name != "arctic":
            return {contender: Outcome(problem=problem, is_failure=True) for contender in case.contenders}
        problems[name] = problem
    contenders = dict(case.contenders)
    outcomes = {}
    if problems.get("arctic") is not None:
        contenders.pop("arcticdb", None)
        outcomes["arcticdb"] = Outcome(problem=problems["arctic"])
    return runner.run(contenders, once=case.runs_once) | outcomes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases; all by default")
    parser.add_argument("--scale", choices=sorted(SCALES), default="small")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SIZE=VALUE", help="another size, such as tickers=50"
    )
    parser.add_argument("--data", type=Path, default=Path("~/.cache/mtstore-benchmarks"), help="where the data lies")
    parser.add_argument("--runs", type=int, default=5, help="runs that count, after one that warms up")
    parser.add_argument("--timeout", type=float, default=3_600, help="seconds for one run of one contender")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="CONTENDER=PATH",
        help="another interpreter for a contender whose packages need versions of their own (arcticdb=…/bin/python)",
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file too")
    parser.add_argument(
        "--readme",
        action="store_true",
        help="keep the figures in results.json, and rewrite the table of README.md here",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
