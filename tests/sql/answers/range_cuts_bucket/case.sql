-- A bucket belongs to a range by its label, and is computed from all its bars, those past the end of the range with them.
-- Made by hand: the range is 13:31 to 13:36 UTC: 13:30 is labelled before it, 13:35 within it, 13:40 after it.
FROM resampled(['AAA'], INTERVAL 5 MINUTE, start_ts := TIMESTAMPTZ '2023-06-01 13:31:00+00', end_ts := '2023-06-01T13:36:00Z');
