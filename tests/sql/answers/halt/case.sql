-- AAA is halted after its first minute; BBB has no first bar.
-- Made by hand: each price column of AAA carries its own last value, volume and transactions are 0, vwap is NULL; after
-- two minutes (max_age) nothing is carried any more. BBB has nothing before its first bar.
FROM aligned_ffill(['BBB', 'AAA'], INTERVAL 1 MINUTE, max_age := INTERVAL 2 MINUTE);
