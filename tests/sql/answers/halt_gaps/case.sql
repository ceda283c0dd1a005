-- Three missing minutes of AAA within the session, and what is missing of BBB: the first minute.
-- Made by hand: the range ends after 13:35 UTC, so nothing trails. The limit of half a minute lets every run through.
FROM gaps(['AAA', 'BBB'], 0.5, start_ts := '2023-06-01 09:30', end_ts := '2023-06-01 09:35');
