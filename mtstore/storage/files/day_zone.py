"""Date daily bars in the zone of the series that they join, so that each keeps its date."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from mtstore.bars import BarBatch
from mtstore.ranges import Ranges, TimeRange, from_us, midnight_us, to_us


def in_day_zone(batch: BarBatch, day_tz: str) -> BarBatch:
    """Return a batch of daily bars whose days are days of the IANA zone `day_tz`; dates stay as they are.

    A series has one zone. A batch in another zone would move the dates of the bars that are stored already.
    """
    import pyarrow as pa

    if batch.day_tz == day_tz:
        return batch
    old, new = ZoneInfo(batch.day_tz), ZoneInfo(day_tz)

    def moved(instant_us: int) -> int:
        local = from_us(instant_us).astimezone(old)
        if midnight_us(local.date(), old) == instant_us:
            return midnight_us(local.date(), new)
        return to_us(local.replace(tzinfo=new))

    def moved_ranges(ranges: Ranges) -> Ranges:
        return tuple(TimeRange(moved(one.start_us), moved(one.end_us)) for one in ranges)

    stamps = pa.array([moved(at) for at in batch.bars["ts_event"].cast("int64").to_pylist()], pa.int64())
    column = batch.bars.schema.field("ts_event")
    return replace(
        batch,
        bars=batch.bars.set_column(batch.bars.column_names.index("ts_event"), column, stamps.cast(column.type)),
        ranges=moved_ranges(batch.ranges),
        partial_ranges=moved_ranges(batch.partial_ranges),
        day_tz=day_tz,
    )
