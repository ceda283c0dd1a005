-- 2023-11-23 is Thanksgiving, 2023-11-25 a Saturday: bars on days without a session keep their local date.
-- Made by hand: 03:00 UTC on the 24th is 22:00 of the 23rd in New York, so it belongs to the holiday; days are labelled by
-- midnight in New York, 05:00 UTC.
FROM resampled(['AAPL'], INTERVAL 1 DAY, session := 'all');
