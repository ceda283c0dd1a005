-- The same halt with flat bars: every price of a filled row is the last close, volume its last value.
-- Made by hand from the bars.
FROM aligned_ffill(['AAA', 'BBB'], INTERVAL 1 MINUTE, fill_prices := 'close', fill_volume := 'ffill', end_ts := '2023-06-01 09:33');
