-- London springs forward on 2023-03-26, two weeks after New York: open at 08:00 UTC on Friday, 07:00 UTC on Monday.
-- Made by hand: days are labelled by midnight in tz, which is 00:00 UTC on Friday and 23:00 UTC of Sunday for Monday; the
-- bars before Friday's open and at Monday's close (16:30 local) are left out.
FROM resampled(['VOD'], INTERVAL 1 DAY, tz := 'Europe/London');
