-- The same bars in regular hours: what trades before the open and after the early close is left out.
-- Made by hand from the answer of half_day: its rows between 14:30 and 18:00.
FROM resampled(['AAPL'], INTERVAL 8 MINUTE);
