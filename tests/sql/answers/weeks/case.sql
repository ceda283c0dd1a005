-- Weeks across the turn of a month.
-- Made by hand: the week of Monday 2023-01-30 has four bars, that of 2023-02-06 one; its Friday is the end.
FROM resampled(['AAA'], '1w', end_ts := DATE '2023-02-10');
