-- A daily bar is known when its day is over: with partial 'cut' one that ends after the range is none of its bars.
-- Made by hand: closes count up from 100 on 2024-01-02. The range ends at noon of Thursday 11 in New York, and begins after
-- midnight of Tuesday 9.
FROM resampled(['AAA'], '1w', start_ts := '2024-01-09 00:01', end_ts := '2024-01-11 12:00', partial := 'cut');
