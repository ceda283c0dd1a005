"""The table of the benchmarks' README shows the committed results."""

from __future__ import annotations

import json

from tests.benchmarks import readme


def test_readme_shows_committed_results():
    text = readme.README.read_text(encoding="utf-8")
    shown = text.split(readme.BEGIN + "\n")[1].split(readme.END)[0]
    assert shown == readme.section(json.loads(readme.RESULTS.read_text(encoding="utf-8")))


def test_results_of_contenders_agree():
    results = json.loads(readme.RESULTS.read_text(encoding="utf-8"))
    assert not any(case["disagreements"] for case in results["cases"].values())
