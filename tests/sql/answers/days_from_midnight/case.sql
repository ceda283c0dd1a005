-- With anchor 'midnight' a day is the local day of tz, although the sessions of coins are days of UTC.
-- Made by hand: hours of 2024-01-08 and 09 UTC, prices 1 to 48; New York's days begin at 05:00 UTC.
FROM resampled(['X:BTCUSD'], '1d', anchor := 'midnight', tz := 'America/New_York');
