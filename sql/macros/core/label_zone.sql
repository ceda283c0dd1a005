-- core.label_zone(bar_interval, anchor, tz): the zone in which the dates of buckets begin.
--
-- With anchor 'epoch' days, weeks and months are those of UTC.
-- NULLs: NULL where tz is.
-- Example: SELECT core.label_zone('1d', 'epoch', 'America/New_York');

CREATE OR REPLACE MACRO core.label_zone(bar_interval, anchor, tz) AS (
    CASE WHEN anchor = 'epoch' AND core.interval_unit(bar_interval) <> 'intraday' THEN 'UTC' ELSE tz END
);
