-- With partial 'cut' the buckets at both ends are computed from the range's own bars, and none ends after the range does.
-- Made by hand: the range is 13:31 to 13:39:30 UTC: 13:34 is all that it has of 13:30, and the bar of 13:39 reaches beyond
-- it, so that 13:35 has one bar.
FROM resampled(
    ['AAA'], INTERVAL 5 MINUTE, start_ts := '2023-06-01T13:31:00Z', end_ts := '2023-06-01T13:39:30Z', partial := 'cut'
);
