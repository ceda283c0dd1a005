-- Apple's split of 7 for 1 on 2014-06-09: what was traded before it is divided by 7, its volume multiplied by 7.
-- Made by hand: 700 / 7 = 100, 707 / 7 = 101, 693 / 7 = 99, 704.2 / 7 = 100.6; 100 * 7 = 700. Trades stay as they are.
FROM resampled(['AAPL'], INTERVAL 5 MINUTE, adjust := 'splits');
