-- A futures session opens at 17:00 in Chicago (22:00 UTC in June) of the evening before, and breaks from 16:00 (21:00 UTC).
-- Made by hand: 22:00 UTC on Thursday opens Friday's session; Sunday evening opens Monday's; the bar at 21:30 UTC lies in
-- the maintenance break. Days are labelled by midnight in Chicago, 05:00 UTC.
FROM resampled(['ESM3'], INTERVAL 1 DAY, tz := 'America/Chicago');
