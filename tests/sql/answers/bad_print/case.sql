-- Four returns within the session, three of them 0 and one of ln 2; the night's return is none of them.
-- Made by hand: the mean is ln 2 / 4 = 0.17328679513998632, the sample standard deviation
-- sqrt((3 * (ln 2 / 4)^2 + (3 ln 2 / 4)^2) / 3) = ln 2 / 2 = 0.34657359027997264, so the last return is 1.5 of those away.
FROM outliers(['AAA'], 1.4);
