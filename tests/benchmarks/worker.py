"""One contender's run in a process of its own: `python -m tests.benchmarks.worker REQUEST`, a line of JSON on stdout.

The peak is the process's largest resident set until the last timed run ended, libraries and mapped files included.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_KIB_PER_MIB = 1_024
_EVERYBODY = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


class NotBuiltError(Exception):
    """What is to be measured does not exist yet; the case says so instead of a figure."""


@dataclass(slots=True)
class Job:
    """What a contender's function gives back.

    Attributes
    ----------
    run
        Is timed.
    digest
        Boils the run's result down for the comparison; None where there is nothing to compare.
    figures
        More numbers about the run's result, by name; `seconds` among them replaces the time that was measured.
    repeat
        How often the run is timed in this process; the median counts.
    close
        Clears away what the job has made.
    """

    run: Callable[[], Any]
    digest: Callable[[Any], dict[str, Any]] | None = None
    figures: Callable[[Any], dict[str, float]] | None = None
    repeat: int = 1
    close: Callable[[], None] | None = None


def resolve(function: str) -> Callable[[dict[str, Any]], Any]:
    """The function called `module:name`."""
    module, _, name = function.partition(":")
    found: Callable[[dict[str, Any]], Any] = getattr(importlib.import_module(module), name)
    return found


def measure(job: Job) -> dict[str, Any]:
    """Run a job, then look at what it gave."""
    seconds, processor_seconds = [], []
    result = None
    gc.collect()
    for _ in range(job.repeat):
        result = None
        began, used = time.perf_counter(), _processor_seconds()
        result = job.run()
        seconds.append(time.perf_counter() - began)
        processor_seconds.append(_processor_seconds() - used)
    outcome: dict[str, Any] = {
        "seconds": statistics.median(seconds),
        "cpu_seconds": statistics.median(processor_seconds),
        "peak_mib": peak_mib(),
    }
    if job.figures is not None:
        outcome |= job.figures(result)
    if job.digest is not None:
        outcome["answer"] = job.digest(result)
    if job.close is not None:
        job.close()
    return outcome


def peak_mib() -> float:
    """The largest resident set so far of this process, or of a child that it has waited for."""
    return max(resource.getrusage(who).ru_maxrss for who in _EVERYBODY) / _KIB_PER_MIB


def _processor_seconds() -> float:
    """What this process and the children it has waited for have taken of all cores, system time included."""
    used = [resource.getrusage(who) for who in _EVERYBODY]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Answer the request on the command line."""
    request = json.loads(sys.argv[1])
    try:
        job = resolve(request["function"])(request["parameters"])
        outcome = measure(job) if isinstance(job, Job) else {}
    except (ModuleNotFoundError, NotBuiltError) as error:
        outcome = {"skipped": str(error)}
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    # Contenders raise `tests.benchmarks.worker.NotBuiltError`, which is not that of `__main__`.
    importlib.import_module("tests.benchmarks.worker").main()
