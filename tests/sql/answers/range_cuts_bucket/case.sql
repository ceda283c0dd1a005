-- A bucket belongs to a range if it lies in it wholly: neither one that begins before it nor one that reaches beyond it.
-- Made by hand: the range is 13:31 to 13:42 UTC: 13:30 begins before it, 13:35 lies within it, 13:40 would end at 13:45.
FROM resampled(['AAA'], INTERVAL 5 MINUTE, start_ts := TIMESTAMPTZ '2023-06-01 13:31:00+00', end_ts := '2023-06-01T13:42:00Z');
