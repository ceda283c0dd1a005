-- A range that starts during the halt: nothing from before the start is carried in, unless lookback says how far to look.
-- Made by hand: with a lookback of five minutes AAA's bar of 13:30 is carried into 13:33; its age counts from there. BBB is
-- there itself.
FROM aligned_ffill(['AAA', 'BBB'], INTERVAL 1 MINUTE, start_ts := '2023-06-01 09:33', lookback := INTERVAL 5 MINUTE);
