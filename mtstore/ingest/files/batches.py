"""Layers: inputs that can be read together, being of one format, schema and source and covering disjoint ranges.

Inputs that overlap go into different layers, one after the other, so that the later one replaces what the earlier said.
"""

from __future__ import annotations

from collections.abc import Iterable

from mtstore.ingest.files.input_file import Input
from mtstore.ranges import TimeRange


def layers(inputs: Iterable[Input]) -> list[list[Input]]:
    """Inputs (in the order given) as layers; each layer in order of time."""
    groups: dict[tuple[object, ...], list[list[Input]]] = {}
    for one in inputs:
        stacked = groups.setdefault((type(one), one.batch_key, one.schema, one.binding, one.day_tz), [])
        met = [place for place, layer in enumerate(stacked) if any(_overlap(one, other) for other in layer)]
        place = met[-1] + 1 if met else 0
        if place == len(stacked):
            stacked.append([])
        stacked[place].append(one)
    ordered = [layer for stacked in groups.values() for layer in stacked]
    for layer in ordered:
        layer.sort(key=lambda one: one.span or TimeRange(0, 1))
    return ordered


def _overlap(one: Input, other: Input) -> bool:
    return one.span is None or other.span is None or one.span.overlaps(other.span)
