-- A split within a week: the bars before it are adjusted, those after it are not, though one bucket holds both.
-- Made by hand: as in split_7_for_1, then first, highest, lowest, last and sums; vwap (100 * 700 + 101 * 700) / 1400.
FROM resampled(['AAPL'], INTERVAL 1 WEEK, adjust := 'splits');
