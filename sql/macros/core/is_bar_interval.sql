-- core.is_bar_interval(bar_interval): whether an interval makes bars: whole seconds below a day, or 1d, 1w or 1mo.
--
-- NULLs: false for NULL.
-- Example: SELECT core.is_bar_interval('5min'), core.is_bar_interval(INTERVAL 2 DAY);

CREATE OR REPLACE MACRO core.is_bar_interval(bar_interval) AS (
    coalesce(regexp_full_match(
        nullif(core.read_interval(bar_interval)::VARCHAR, '00:00:00'),
        '1 month|7 days|168:00:00|1 day|24:00:00|(0[0-9]|1[0-9]|2[0-3]):[0-9]{2}:[0-9]{2}'
    ), false)
);
