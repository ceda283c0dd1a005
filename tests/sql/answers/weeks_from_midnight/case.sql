-- With anchor 'midnight' a week is seven local days of tz.
-- Made by hand: hours of Monday 2024-01-08 and Tuesday UTC, prices 1 to 48; the first five are of New York's Sunday.
FROM resampled(['X:BTCUSD'], '1w', anchor := 'midnight', tz := 'America/New_York');
