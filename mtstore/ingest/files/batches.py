"""Group inputs into batches that can be read together.

The inputs of a batch have one format, schema and source. Files of vendors that cover the same time go into different
batches, one after the other, so that the later one replaces what the earlier one covered. Custom files of one run,
which cover the same range or none, are one answer together.
"""

from __future__ import annotations

from collections.abc import Iterable

from mtstore.ingest.files.inputs.input_file import Input
from mtstore.ranges import TimeRange


def in_batches(inputs: Iterable[Input]) -> list[list[Input]]:
    """Group inputs, given in order, into batches; each batch is sorted by time."""
    groups: dict[tuple[object, ...], list[list[Input]]] = {}
    for one in inputs:
        batches = groups.setdefault((type(one), one.batch_key, one.schema, one.binding, one.day_tz), [])
        overlapping = [place for place, batch in enumerate(batches) if any(_overlap(one, other) for other in batch)]
        place = overlapping[-1] + 1 if overlapping else 0
        if place == len(batches):
            batches.append([])
        batches[place].append(one)
    ordered = [batch for batches in groups.values() for batch in batches]
    for batch in ordered:
        batch.sort(key=lambda one: one.span or TimeRange(0, 1))
    return ordered


def _overlap(one: Input, other: Input) -> bool:
    if one.is_custom and one.span == other.span:
        return False
    return one.span is None or other.span is None or one.span.overlaps(other.span)
