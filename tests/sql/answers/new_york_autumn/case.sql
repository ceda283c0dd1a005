-- New York falls back on Sunday 2023-11-05, a day of 25 hours from 04:00 UTC to 05:00 UTC on Monday.
-- Made by hand: four-hour buckets count elapsed hours from local midnight: 01:30 local happens twice (05:30 and 06:30 UTC),
-- both in the first bucket; the seventh bucket, from 04:00 UTC, is cut to one hour by the next midnight.
FROM resampled(['X:BTCUSD'], INTERVAL 4 HOUR, anchor := 'midnight', tz := 'America/New_York');
