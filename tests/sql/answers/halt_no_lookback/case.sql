-- The same range without a lookback: AAA has no value before its next bar.
-- Made by hand from the answer of halt_lookback.
FROM aligned_ffill(['AAA', 'BBB'], INTERVAL 1 MINUTE, start_ts := TIMESTAMPTZ '2023-06-01 13:33:00+00');
