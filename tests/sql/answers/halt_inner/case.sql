-- Only the last minute has a bar of both.
-- Made by hand from the bars.
FROM aligned_inner(['AAA', 'BBB'], INTERVAL 1 MINUTE);
