-- core.next_label_date(label_date, bar_interval): the date that names the day, week or month after another.
--
-- NULLs: NULL for NULL.
-- Example: SELECT core.next_label_date(DATE '2024-01-15', '1w');

CREATE OR REPLACE MACRO core.next_label_date(label_date, bar_interval) AS (
    CASE core.interval_unit(bar_interval)
        WHEN 'week' THEN label_date + 7
        WHEN 'month' THEN (label_date + INTERVAL 1 MONTH)::DATE
        ELSE label_date + 1
    END
);
