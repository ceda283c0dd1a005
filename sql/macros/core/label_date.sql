-- core.label_date(day, bar_interval): the date that names the day, week or month of a date.
--
-- A week is named by its Monday, a month by its first day.
-- NULLs: NULL for NULL.
-- Example: SELECT core.label_date(DATE '2024-01-17', '1w');

CREATE OR REPLACE MACRO core.label_date(day, bar_interval) AS (
    CASE core.interval_unit(bar_interval)
        WHEN 'week' THEN date_trunc('week', day)::DATE
        WHEN 'month' THEN date_trunc('month', day)::DATE
        ELSE day
    END
);
