-- Nobody trades in the first two minutes; the calendar's grid has them all the same.
-- Made by hand: the grid of 13:30 to 13:34 UTC, values where there are bars.
FROM aligned_grid(['AAA', 'BBB'], INTERVAL 1 MINUTE, start_ts := '2023-06-01 09:00', end_ts := '2023-06-01 09:34');
