-- The same bars in buckets of three hours from the session's open.
-- Made by hand: from 22:00 UTC the buckets open at 22:00, 01:00, … 19:00; the last one is cut by the break at 21:00.
FROM resampled(['ESM3'], '3h');
