-- Samoa has no 2011-12-30: the local day after the 29th is the 31st, and no bar is without a bucket.
-- Made by hand: clocks were set from the end of the 29th to the beginning of the 31st at 10:00 UTC.
FROM resampled(['X:APIUSD'], '1h', anchor := 'midnight', tz := 'Pacific/Apia');
