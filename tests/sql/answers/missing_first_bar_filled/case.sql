-- The same grid filled forward.
-- Made by hand from the answer of missing_first_bar.
FROM aligned_grid(['AAA', 'BBB'], INTERVAL 1 MINUTE, start_ts := '2023-06-01 09:32', end_ts := '2023-06-01 09:35', fill := 'forward');
