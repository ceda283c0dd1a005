-- Databento's days are UTC days, Polygon's begin at midnight in New York: both mean the same session.
-- Made by hand: each bar keeps its vendor's own date; the label is midnight in New York, 05:00 UTC on Friday and, after
-- the clocks changed, 04:00 UTC on Monday.
FROM aligned_inner(['AAA', 'BBB'], INTERVAL 1 DAY);
