-- A dividend of 1 on 2023-06-02, after a regular close of 50 (the post-market's 60 does not count), then a split of 4 for 1.
-- Made by hand: before the dividend prices are multiplied by 1 - 1/50 = 0.98 and, as until the split, divided by 4:
-- 49 * 0.98 / 4 = 12.005, 50 * 0.98 / 4 = 12.25, 48 / 4 = 12; volumes answer to the split alone.
FROM resampled(['AAA'], INTERVAL 1 HOUR, adjust := 'all');
