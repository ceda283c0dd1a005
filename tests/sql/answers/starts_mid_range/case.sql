-- NEW is listed on 2023-06-02; before that it has no values, and a range by dates includes its last date.
-- Made by hand: daily bars of New York days, labelled by midnight in New York, 04:00 UTC in June.
FROM aligned_outer(['NEW', 'OLD'], INTERVAL 1 DAY, start_ts := DATE '2023-06-01', end_ts := DATE '2023-06-02');
