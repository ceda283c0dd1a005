"""Split a bar batch at the time before which the vendor's data are final."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtstore.bars import BarBatch
from mtstore.ranges import TimeRange, intersect, union

if TYPE_CHECKING:
    import pyarrow as pa


def split_at_settled(batch: BarBatch, settled_us: int) -> tuple[BarBatch, BarBatch | None]:
    """Split a batch in two, since settled coverage never expires; return one part if all is on one side."""
    import pyarrow as pa
    import pyarrow.compute as pc

    covered = union(batch.ranges, batch.partial_ranges)
    if not covered or covered[-1].end_us <= settled_us or covered[0].start_us >= settled_us:
        return batch, None
    if batch.result not in ("complete", "empty"):
        return batch, None
    is_settled = pc.less(batch.bars["ts_event"], pa.scalar(settled_us, pa.timestamp("us", tz="UTC")))
    before = _part(batch, batch.bars.filter(is_settled), TimeRange(covered[0].start_us, settled_us))
    after = _part(batch, batch.bars.filter(pc.invert(is_settled)), TimeRange(settled_us, covered[-1].end_us))
    return before, replace(after, quarantined=None)


def _part(batch: BarBatch, bars: pa.Table, side: TimeRange) -> BarBatch:
    return replace(
        batch,
        ranges=intersect(batch.ranges, (side,)),
        partial_ranges=intersect(batch.partial_ranges, (side,)),
        bars=bars,
        result="complete" if bars.num_rows else "empty",
    )
