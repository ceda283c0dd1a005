-- core.step_us(bar_interval): the width that stored bars must divide, in microseconds.
--
-- The width itself for intraday bars, a day for days, weeks and months.
-- NULLs: none; an interval that cannot be read counts as a minute here, and core.call_problems reports it.
-- Example: SELECT core.step_us('5min');

CREATE OR REPLACE MACRO core.step_us(bar_interval) AS (
    coalesce(nullif(greatest(least(epoch_us(core.read_interval(bar_interval)), 86400000000), 0), 0), 60000000)::BIGINT
);
