-- A week belongs to a range of dates if all of its sessions do, whatever the date of its Monday.
-- Made by hand: closes count up from 100 on 2024-01-02. The range is Tuesday 16 to Friday 19; Monday 15 is a holiday, and
-- the week of the 8th is not in the range.
FROM resampled(['AAA'], '1w', start_ts := DATE '2024-01-16', end_ts := DATE '2024-01-21');
