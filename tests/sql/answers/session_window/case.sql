-- A session window of one's own, 09:45 to 15:45 in New York; a half day ends when the first of the two does (13:00).
-- Made by hand: hours count from 09:45 (14:45 UTC); on the half day the last one is cut at 18:00 UTC, else at 20:45 UTC.
FROM resampled(['AAA'], INTERVAL 1 HOUR);
