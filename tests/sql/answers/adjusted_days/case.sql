-- Splits and dividends in days, AAA to FFF by name; closes before the event and on it are those of bars.csv.
-- Made by hand: AAA has dividends of 3 and 0.08 on one date, summed against its close before: 29.97 * (1 - 3.08 / 29.97) =
-- 26.89. BBB has splits 500 to 1 and 1 to 500 on one date, which cancel. CCC's close before its dividend of 10 is 18 days
-- old: 100 - 10 = 90. DDD has a split of 2 for 1 and a dividend of 2 on one date: 100 / 2 - 2 = 48. EEE does not trade
-- on its split date; the dividend of 2 two weeks later is for a share after it: 100 / 2 - 2 = 48. FFF's dividends of 60
-- and 40 are together as high as its close, and adjust nothing.
FROM resampled(['AAA', 'BBB', 'CCC', 'DDD', 'EEE', 'FFF'], INTERVAL 1 DAY, adjust := 'all') ORDER BY ticker, ts_event;
