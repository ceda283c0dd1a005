-- Where clocks are set back from 01:00 to 00:00 the day begins at the first midnight.
-- Made by hand: 04:00 and 05:00 UTC are both 00:00 in Havana on 2024-11-03; the day before ends at 04:00.
FROM resampled(['X:HAVUSD'], '4h', anchor := 'midnight', tz := 'America/Havana');
