-- Tickers stored in seconds, half minutes and minutes meet in one call; of two stored widths the coarsest that fits is read.
-- Made by hand: SLOW is stored in seconds too, and its minutes are taken.
FROM aligned_inner(['FAST', 'HALF', 'SLOW'], INTERVAL 1 MINUTE);
