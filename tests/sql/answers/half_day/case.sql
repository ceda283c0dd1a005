-- 2023-11-24 closes at 18:00 UTC (13:00 in New York), three hours early; what trades later is post-market.
-- Made by hand: eight-minute buckets from the open (14:30) reach 17:58 (26 * 8 = 208 minutes), and the close cuts that one
-- to 18:00. The post-market counts anew from the close, the pre-market from midnight (05:00 UTC): 14:28 opens a bucket
-- (71 * 8 = 568 minutes), cut by the open at 14:30.
FROM resampled(['AAPL'], INTERVAL 8 MINUTE, session := 'all');
