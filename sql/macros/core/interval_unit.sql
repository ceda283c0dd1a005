-- core.interval_unit(bar_interval): the kind of bars of an interval: 'intraday', 'day', 'week' or 'month'.
--
-- A day, a week and a month hold whole sessions; everything else is taken for a number of seconds below a day, which
-- core.is_bar_interval checks.
-- NULLs: none, not even for an interval that is not one of bars: a NULL here would remove a query together with its
--   check.
-- Example: SELECT core.interval_unit('5min'), core.interval_unit(INTERVAL 1 MONTH);

CREATE OR REPLACE MACRO core.interval_unit(bar_interval) AS (
    coalesce(
        ['day', 'week', 'month'][
            list_position([86400000000, 604800000000, 2592000000000], epoch_us(core.read_interval(bar_interval)))
        ],
        'intraday'
    )
);
