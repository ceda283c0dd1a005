-- Weeks are labelled by Monday, months by the first day, at midnight in New York (05:00 UTC in winter).
-- Made by hand: January has two bars here, February three; a range that starts on 2023-01-15 leaves January out, since
-- sessions of January lie before.
FROM resampled(['AAA'], INTERVAL 1 MONTH, start_ts := DATE '2023-01-15');
