-- core.price_difference(price_a, price_b): how far two prices of one bar are apart, as a share of the first.
--
-- Infinite where one is missing, or where the first is 0 and the second is not: no tolerance accepts that.
-- NULLs: NULL if both are missing.
-- Example: SELECT core.price_difference(100.0, 101.0);

CREATE OR REPLACE MACRO core.price_difference(price_a, price_b) AS (
    CASE
        WHEN price_a IS NOT DISTINCT FROM price_b THEN price_b - price_a
        ELSE coalesce(abs(price_b - price_a) / nullif(abs(price_a), 0), 'infinity'::DOUBLE)
    END
);
