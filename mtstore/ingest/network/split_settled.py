"""Answers across the line before which they are final: cut in two, because their coverage does not share a fate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange, intersect, union

if TYPE_CHECKING:
    import pyarrow as pa


def split_at_settled(answer: BarBatch, line_us: int) -> tuple[BarBatch, BarBatch | None]:
    """An answer cut in two at an instant; one part if it lies on one side."""
    import pyarrow as pa
    import pyarrow.compute as pc

    everything = union(answer.ranges, answer.partial_ranges)
    if not everything or everything[-1].end_us <= line_us or everything[0].start_us >= line_us:
        return answer, None
    if answer.result not in ("complete", "empty"):
        return answer, None
    line = pa.scalar(line_us, pa.timestamp("us", tz="UTC"))
    early = pc.less(answer.bars["ts_event"], line)
    before = _part(answer, answer.bars.filter(early), TimeRange(everything[0].start_us, line_us))
    after = _part(answer, answer.bars.filter(pc.invert(early)), TimeRange(line_us, everything[-1].end_us))
    return before, replace(after, quarantined=None)


def _part(answer: BarBatch, bars: pa.Table, side: TimeRange) -> BarBatch:
    return replace(
        answer,
        ranges=intersect(answer.ranges, (side,)),
        partial_ranges=intersect(answer.partial_ranges, (side,)),
        bars=bars,
        result="complete" if bars.num_rows else "empty",
    )
