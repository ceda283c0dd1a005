-- A daily bar of a date that is no session of the calendar belongs to the next session: the Sunday of CME's UTC days.
-- Made by hand: 2024-03-28 is a Thursday and the quarter's last session, the 29th a holiday, the 31st a Sunday.
FROM resampled(['ES'], '1mo', tz := 'America/Chicago');
