-- A range in which the ticker has no bar.
-- Made by hand: nothing, of the documented columns.
FROM aligned_ffill(['AAA'], INTERVAL 5 MINUTE, start_ts := DATE '2023-06-02');
