-- New York springs forward on Sunday 2023-03-12: the session opens at 14:30 UTC on Friday, at 13:30 UTC on Monday.
-- Made by hand: an hour from the open holds the bars at its first and last minute; the bar a minute before each open is
-- left out; vwap of Friday's first hour is (10.5*100 + 11.5*300) / 400 = 11.25, of Monday's (20*50 + 22*50) / 100 = 21.
FROM resampled(['AAPL'], INTERVAL 1 HOUR);
