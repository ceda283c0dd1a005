-- With partial 'cut' the weeks at both ends of a range of dates are computed from its own sessions.
-- Made by hand: closes count up from 100 on 2024-01-02. The range is Tuesday 9 to Wednesday 17, after which nothing ends;
-- Monday 15 is a holiday.
FROM resampled(['AAA'], '1w', start_ts := DATE '2024-01-09', end_ts := DATE '2024-01-17', partial := 'cut');
