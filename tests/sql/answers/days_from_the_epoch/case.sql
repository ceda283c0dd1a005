-- With anchor 'epoch' a day is one of UTC, whatever tz is.
-- Made by hand: hours of 2024-01-08 and 09 UTC, prices 1 to 48.
FROM resampled(['X:BTCUSD'], '1d', anchor := 'epoch', tz := 'America/New_York');
