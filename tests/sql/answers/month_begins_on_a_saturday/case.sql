-- A month belongs to a range of dates from its first session to its last: June 2024 begins with a weekend and ends with one.
-- Made by hand: closes count up from 100 on 2024-06-03.
FROM resampled(['AAA'], '1mo', start_ts := DATE '2024-06-03', end_ts := DATE '2024-06-28');
