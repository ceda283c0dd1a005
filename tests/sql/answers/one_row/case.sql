-- One bar, without volume: a bucket of a single bar is that bar; where nothing was traded there is no vwap.
-- Made by hand: 15:02 UTC is 92 minutes after the open, in the bucket that opens 90 minutes after it.
FROM resampled(['AAA'], INTERVAL 5 MINUTE);
