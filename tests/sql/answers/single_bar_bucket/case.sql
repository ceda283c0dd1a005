-- A bucket of a single bar is that bar; vwap is NULL where a bar with volume has none; NULL prices are passed over.
-- Made by hand: 13:31 has volume and no vwap, so its bucket has none; in the last bucket the bar without vwap has no
-- volume either, so 30.1 * 100 / 100 stands, and the open is the first that is known.
FROM resampled(['AAA'], INTERVAL 5 MINUTE);
