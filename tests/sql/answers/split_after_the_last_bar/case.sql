-- Splits count up to the session of the last stored bar: those on the day after it have not happened yet.
-- Made by hand: AAA and DAY end on June 1, so that their splits of June 2 change nothing. EVE's last bar, at 18:30 in
-- Chicago on June 1, opens the session of June 2: that day's split halves the price of the session before, 10 / 2 = 5, and
-- doubles its volume; the split of June 3 changes nothing.
FROM resampled(['AAA', 'DAY', 'EVE'], INTERVAL 1 DAY, tz := 'America/Chicago', adjust := 'splits') ORDER BY ticker, ts_event;
